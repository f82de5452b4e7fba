"""REST: one's own sessions and second factors; for admins, who must have a factor."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.accounts.models import User
from tenants.accounts.selectors import actor_of
from tenants.accounts.services import PROVED
from tenants.asked import Asked
from tenants.errors import Forbidden
from tenants.signin.factors import factor_of, factor_remove, factors_reset
from tenants.signin.models import Factor, OpenSession, SignInPolicy
from tenants.signin.policy import FRESH, policy, policy_set
from tenants.signin.sessions import session_end, sessions_open


class ProofNeeded(Forbidden):
    """A factor is taken away only by who has just shown the password, or the provider's proof."""

    code = "proof_needed"
    title = _(
        "Removing a second factor needs your password, shown in the last fifteen minutes: an API"
        " key cannot. Do it under Settings, Sign-in."
    )


class SessionSerializer(serializers.Serializer[Any]):
    """A session that is open."""

    id = serializers.UUIDField()
    device = serializers.CharField(help_text="As its browser calls itself.")
    address = serializers.CharField(help_text="Where it was used last.")
    how = serializers.CharField(
        help_text="What was shown beside a password: `app`, `key`, `recovery`, the provider's"
        " kind; empty: nothing. `staff`: a visit of our staff."
    )
    signed_in_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    current = serializers.SerializerMethodField(help_text="Whether it is the one that asks.")

    def get_current(self, session: OpenSession) -> bool:
        return bool(session.session_key == self.context["session_key"])


class FactorSerializer(serializers.Serializer[Any]):
    """A second factor, without its secret."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Factor.Kind.choices)
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class SignInPolicySerializer(Asked):
    """Who must have a second factor: nobody, admins and owners, or everyone."""

    second = serializers.ChoiceField(SignInPolicy.Second.choices)


def _user(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


class SessionsView(GenericAPIView[OpenSession]):
    """One's own sessions that are open, the latest begun first."""

    roles: ClassVar = {"GET": "viewer"}
    serializer_class = SessionSerializer

    @extend_schema(operation_id="sessions_list", responses=SessionSerializer(many=True))
    def get(self, request: Request) -> Response:
        rows = sessions_open(_user(request)).annotate(created_at=F("signed_in_at"))
        asking = None if request.auth else request.session.session_key
        shown = SessionSerializer(
            instance=self.paginate_queryset(rows), many=True, context={"session_key": asking}
        )
        return self.get_paginated_response(shown.data)


class SessionView(APIView):
    """One of one's own sessions."""

    roles: ClassVar = {"DELETE": "viewer"}

    @extend_schema(operation_id="session_end", responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """End it: the next request of it is nobody's, and its sockets close at once."""
        session_end(actor=actor_of(request), user=_user(request), session_id=session_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FactorsView(GenericAPIView[Factor]):
    """One's own second factors, the newest first."""

    roles: ClassVar = {"GET": "viewer"}
    serializer_class = FactorSerializer

    @extend_schema(operation_id="factors_list", responses=FactorSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(Factor.objects.filter(user=_user(request)))
        return self.get_paginated_response(FactorSerializer(instance=page, many=True).data)


class FactorView(APIView):
    """One of one's own second factors."""

    roles: ClassVar = {"DELETE": "viewer"}

    @extend_schema(operation_id="factor_remove", responses={204: None})
    def delete(self, request: Request, factor_id: UUID) -> Response:
        """Remove it: in a session that has shown the password in the last fifteen minutes."""
        factor_of(_user(request), factor_id)
        at = None if request.auth else parse_datetime(request.session.get(PROVED, ""))
        if at is None or (timezone.now() - at).total_seconds() > FRESH:
            raise ProofNeeded
        factor_remove(actor=actor_of(request), user=_user(request), factor_id=factor_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberFactorsView(APIView):
    """The second factors of a member who has lost them."""

    roles: ClassVar = {"DELETE": "admin"}

    @extend_schema(operation_id="member_factors_reset", responses={204: None})
    def delete(self, request: Request, user_id: UUID) -> Response:
        """Take them all, recovery codes too, and end the member's sessions; never one's own."""
        factors_reset(actor=actor_of(request), user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignInPolicyView(APIView):
    """Who must have a second factor."""

    roles: ClassVar = {"GET": "viewer", "PUT": "admin"}

    @extend_schema(operation_id="sign_in_policy", responses=SignInPolicySerializer)
    def get(self, request: Request) -> Response:
        return Response({"second": policy()})

    @extend_schema(
        operation_id="sign_in_policy_set",
        request=SignInPolicySerializer,
        responses=SignInPolicySerializer,
    )
    def put(self, request: Request) -> Response:
        """Set it; sessions end of who then must have one and has none."""
        asked = SignInPolicySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        policy_set(actor=actor_of(request), second=asked.validated_data["second"])
        return Response({"second": policy()})
