/* Ask a security key or passkey: the form's data-options say for what, its answer goes with it. */
"use strict";

(() => {
  const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const read = (options) => {
    const asked = options.publicKey;
    asked.challenge = toBytes(asked.challenge);
    if (asked.user) asked.user.id = toBytes(asked.user.id);
    for (const list of ["allowCredentials", "excludeCredentials"]) {
      for (const each of asked[list] || []) each.id = toBytes(each.id);
    }
    return { publicKey: asked };
  };

  const told = (made) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = toText(made.response[name]);
    }
    return { id: made.id, rawId: toText(made.rawId), type: made.type, response, clientExtensionResults: {} };
  };

  for (const form of document.querySelectorAll("form[data-security-key]")) {
    const failed = form.querySelector("[data-failed]");
    if (!window.PublicKeyCredential) {
      failed.hidden = false;
      failed.textContent = gettext("This browser cannot use security keys; use another way.");
      form.querySelector("button").disabled = true;
      continue;
    }
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      failed.hidden = true;
      try {
        const options = read(JSON.parse(document.getElementById("key-options").textContent));
        const way = form.dataset.securityKey === "create" ? "create" : "get";
        form.elements.answer.value = JSON.stringify(told(await navigator.credentials[way](options)));
        form.submit();
      } catch (error) {
        failed.hidden = false;
        failed.textContent = error.name === "InvalidStateError"
          ? gettext("This security key is added already.")
          : gettext("The security key was not used. Try again, or use another way.");
      }
    });
  }
})();
