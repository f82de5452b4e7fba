{{- define "tenantry.labels" -}}
app.kubernetes.io/name: tenantry
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "tenantry.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every pod has: takes the root and the database login. */}}
{{- define "tenantry.pod" -}}
serviceAccountName: {{ .root.Values.serviceAccount.name }}
automountServiceAccountToken: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: var
    emptyDir: {}
  - name: tmp
    emptyDir: {}
{{- end }}

{{/* What every container has: takes the root and the database login. */}}
{{- define "tenantry.container" -}}
image: {{ include "tenantry.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - name: BASE_HOST
    value: {{ .root.Values.baseHost | quote }}
{{- range $name, $value := .root.Values.environment }}
{{- if $value }}
  - name: {{ $name }}
    value: {{ $value | quote }}
{{- end }}
{{- end }}
envFrom:
  - secretRef: {name: {{ .root.Values.secrets.common | quote }}}
  - secretRef: {name: {{ index .root.Values.secrets .login | quote }}}
volumeMounts:
  - {name: var, mountPath: /var/lib/tenantry}
  - {name: tmp, mountPath: /tmp}
{{- end }}
