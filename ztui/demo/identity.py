"""Tokens of the demo cluster and the users behind them; impersonation on top."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from ztui.demo.answers import Obj, unauthorized
from ztui.demo.rbac import SA_PREFIX, Ask, Authorizer, User, forbidden
from ztui.demo.store import Store

ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
ISSUER = "https://kubernetes.default.svc"


class Identities:
    """Hands out tokens and tells who holds one. Group membership is read from the Group objects at each request."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._seed = seed
        self._users: dict[str, str] = {}
        self._ends: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.claims: dict[str, list[str]] = {}  # groups that a login brings, where no Group objects say so

    def token(self, user: str) -> str:
        """The token of a user name; `system:serviceaccount:ns:name` gives a ServiceAccount's."""
        digest = hashlib.sha256(f"{self._seed}/{user}".encode()).digest()
        token = "sha256~" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self._users[token] = user
        return token

    def issue(self, account: Obj, spec: Obj) -> Obj:
        """What TokenRequest answers: a JWT-shaped token of a ServiceAccount, good for `expirationSeconds`."""
        meta = account["metadata"]
        lasts = int(spec.get("expirationSeconds") or 3600)
        now = int(time.time())
        audiences = spec.get("audiences") or [ISSUER]
        subject = f"{SA_PREFIX}{meta['namespace']}:{meta['name']}"
        who = {"namespace": meta["namespace"], "serviceaccount": {"name": meta["name"], "uid": meta["uid"]}}
        claims = {"aud": audiences, "exp": now + lasts, "iat": now, "iss": ISSUER, "kubernetes.io": who, "sub": subject}
        head = _part({"alg": "RS256", "kid": "demo"})
        body = _part({**claims, "jti": self._store.new_uid()})
        sign = hashlib.sha256(f"{self._seed}{body}".encode()).digest()
        token = f"{head}.{body}.{base64.urlsafe_b64encode(sign).rstrip(b'=').decode()}"
        self._users[token] = subject
        self._ends[token] = now + lasts
        return {
            "token": token,
            "expirationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + lasts)),
        }

    def holder(self, token: str) -> User | None:
        """The user of a token; None if it is unknown, expired or revoked."""
        name = self._users.get(token)
        if name is None or token in self.revoked or self._ends.get(token, 1e18) < time.time():
            return None
        return self.user(name)

    def user(self, name: str) -> User:
        """A user by name, with the groups the server would give."""
        if name.startswith(SA_PREFIX):
            namespace = name.removeprefix(SA_PREFIX).partition(":")[0]
            return User(name, ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"))
        if name == "system:admin":
            return User(name, ("system:masters", "system:authenticated"))
        users, groups = (self._store.catalogue.get("user.openshift.io", plural) for plural in ("users", "groups"))
        if users is None or groups is None:
            return User(name, (*self.claims.get(name, ()), "system:authenticated"))
        member = [group["metadata"]["name"] for group in self._store.all(groups) if name in group["users"]]
        found = self._store.find(users, name)
        uid = found["metadata"]["uid"] if found else ""
        return User(name, (*member, "system:authenticated:oauth", "system:authenticated"), uid)

    def authenticate(self, header: str) -> User:
        """The user of an Authorization header; without one, anonymous. Raises a 401 ApiError for a bad token."""
        if not header:
            return ANONYMOUS
        scheme, _, token = header.partition(" ")
        found = self.holder(token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise unauthorized()
        return found


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def impersonate(user: User, headers: Mapping[str, str], groups: list[str], authorizer: Authorizer) -> User:
    """The user that Impersonate-* headers ask to act as. Raises a 403 ApiError where that is not granted."""
    name = headers.get("Impersonate-User", "")
    extra = {key: value for key, value in headers.items() if key.lower().startswith("impersonate-extra-")}
    if not name:
        return user
    asks = [_impersonate_user(name)]
    asks += [Ask("impersonate", plural="groups", name=group) for group in groups]
    for key, value in extra.items():
        sub = key[len("impersonate-extra-") :].lower()
        asks.append(Ask("impersonate", group="authentication.k8s.io", plural="userextras", sub=sub, name=value))
    for ask in asks:
        if not authorizer.allows(user, ask):
            raise forbidden(user, ask)
    implied: tuple[str, ...] = () if "system:authenticated" in groups else ("system:authenticated",)
    if name.startswith(SA_PREFIX) and not groups:
        namespace = name.split(":")[2]
        implied = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    if name == ANONYMOUS.name:
        implied = ("system:unauthenticated",)
    return User(name, (*groups, *implied))


def _impersonate_user(name: str) -> Ask:
    if name.startswith(SA_PREFIX):
        _, _, namespace, account = name.split(":", 3)
        return Ask("impersonate", plural="serviceaccounts", namespace=namespace, name=account)
    return Ask("impersonate", plural="users", name=name)
