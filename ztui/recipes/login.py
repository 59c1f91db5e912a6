"""Who gets in, and for how long: lifetimes of logins, the bootstrap administrator, logins that are too old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from ztui.checks.base import Reason
from ztui.checks.p1_auth import DAY_S, duration_s
from ztui.engines.grants import ACCESS, cluster_grants
from ztui.engines.holders import is_full_admin
from ztui.kinds.base import Ref
from ztui.kinds.credential import OAuthAccessToken
from ztui.kinds.identity import Group, User
from ztui.kinds.login import Authentication, OAuth, OAuthClient
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.secret import BootstrapSecret
from ztui.kinds.session import Session
from ztui.recipes.base import Draft, Note, Question, Stop, Write, applied, as_wanted, gone, note, recipe, refused
from ztui.recipes.proofs import passes, read_by, rolled_out
from ztui.view import View

NOT_INTEGRATED: Final = Reason("provider-lifetimes", "the OIDC provider decides how long logins last: set it there")
SHORTEST: Final = Reason("idle-too-short", "the login server takes no idle limit below 300 s, and {idle} s are wanted")
PAUSE: Final = Reason("logins-pause", "the login server restarts: nobody can log in for some seconds")
CLIENTS_OVERRIDE: Final = Reason("client-overrides", "{client} has a limit of its own, which this does not change: {age}")
OLD_STAY: Final = Reason("old-logins-stay", "{count} logins that exist keep their old lifetime: R-OAUTH-REVOKE ends them")
OLD_STAY_UNSEEN: Final = Reason("old-logins-unseen", "logins that exist keep their old lifetime; they cannot be read from here")

NO_PROVIDER: Final = Reason("no-oidc", "ZT1-OIDC-001 does not pass: without a provider in force nobody gets in afterwards")
IS_KUBEADMIN: Final = Reason("is-kubeadmin", "you are logged in as kube:admin: log in as another administrator first")
NO_ADMIN: Final = Reason("no-admin", "no person who has logged in may do everything: bind a group of administrators first")
UNSEEN_ADMIN: Final = Reason(
    "admin-unseen", "{names} may do everything; that one of them logged in in the last 30 days is not seen"
)
ADMINS_STAY: Final = Reason("admins-stay", "{names} may do everything, and have logged in by a provider")
NO_WAY_BACK: Final = Reason("no-way-back", "this cannot be taken back: the password is gone for good")

ENDS: Final = Reason(
    "login-ends", "logins of {user} that end: {count}, the oldest {hours} hours old; who it is must log in again"
)
MORE_LEFT: Final = Reason("more-logins", "{count} more are left for the next time: {most} go at once")
OWN_STAYS: Final = Reason("own-login", "your own login stays: `oc logout` ends it")
NO_LOGIN: Final = Reason("no-such-login", "no login of {user} is older than {hours} hours")
NO_HOURS: Final = Reason("no-hours", "{hours} is no number of hours")
LOGINS_UNREAD: Final = Reason("logins-unread", "logins cannot be read: {why}")

MOST: Final = 50
"""How many logins one consent may end."""

EVERYBODY: Final = "everybody"
_BOOTSTRAP: Final = "kube:admin"
_LEAST_IDLE_S: Final = 300
_RECENT: Final = timedelta(days=30)


def _bounded(view: View, ref: Ref, was: View) -> bool:
    del ref
    found = view.get(OAuth, "cluster")
    config = found.spec.token_config if found is not None else None
    bounded = config is not None and 0 < config.access_token_max_age_seconds <= DAY_S
    idle = config is not None and duration_s(config.access_token_inactivity_timeout) > 0
    return bounded and idle and rolled_out(view, was, "authentication")


@recipe(
    "R-TOKENCFG",
    "Let logins end",
    risk_class="disruptive",
    on=(OAuth,),
    writes=(OAuth,),
    reads=(OAuth, Authentication, OAuthClient, OAuthAccessToken, ClusterOperator),
    verify_s=10 * 60.0,
    done=_bounded,
)
def token_lifetimes(view: View, ref: Ref) -> Draft:
    """The limits of the settings, where the cluster's are looser; what is stricter already stays."""
    authentication, found = view.get(Authentication, "cluster"), view.get(OAuth, "cluster")
    if authentication is not None and authentication.spec.type not in {"", "IntegratedOAuth"}:
        return refused(ref, NOT_INTEGRATED)
    if found is None:
        return gone(ref)
    wanted = _tighter(view, found)
    if not wanted:
        return as_wanted(ref, "logins end in time")
    write = applied(found, {"spec": {"tokenConfig": wanted}})
    idle = view.limits.max_idle_s
    stops = (Stop(note(SHORTEST, ref, idle=idle)),) if idle < _LEAST_IDLE_S else ()
    return Draft((write,), tuple(_of_logins(view, ref)), stops)


def _tighter(view: View, found: OAuth) -> dict[str, Any]:
    held = found.spec.token_config
    age, idle = held.access_token_max_age_seconds or DAY_S, duration_s(held.access_token_inactivity_timeout)
    wanted: dict[str, Any] = {}
    if age > view.limits.max_token_age_s:
        wanted["accessTokenMaxAgeSeconds"] = view.limits.max_token_age_s
    if not 0 < idle <= view.limits.max_idle_s:
        minutes, seconds = divmod(view.limits.max_idle_s, 60)
        wanted["accessTokenInactivityTimeout"] = f"{minutes}m{seconds}s"
    return wanted


def _of_logins(view: View, ref: Ref) -> Iterator[Note]:
    yield note(PAUSE, ref)
    for client in sorted(view.all(OAuthClient), key=lambda item: item.name):
        if client.access_token_max_age_seconds is not None:
            age = client.access_token_max_age_seconds
            told = f"{age} s" if age > 0 else "its logins never end"
            yield note(CLIENTS_OVERRIDE, client.ref, client=client.name, age=told)
    if view.gap(OAuthAccessToken) is not None:
        yield note(OLD_STAY_UNSEEN, ref)
    elif count := sum(True for _ in view.all(OAuthAccessToken)):
        yield note(OLD_STAY, ref, count=count)


@recipe(
    "R-KUBEADMIN",
    "Remove the bootstrap administrator",
    risk_class="destructive",
    on=(BootstrapSecret,),
    writes=(BootstrapSecret,),
    deletes=(BootstrapSecret,),
    reads=(BootstrapSecret, *ACCESS, Group, User, Session, OAuthAccessToken, *read_by("ZT1-OIDC-001")),
    verify_s=10.0,
)
def bootstrap(view: View, ref: Ref) -> Draft:
    """The Secret goes away by its uid, once others have shown that they get in."""
    found = view.get(BootstrapSecret, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    admins = sorted(_admins(view))
    stops = [] if passes(view, "ZT1-OIDC-001") else [Stop(note(NO_PROVIDER, ref))]
    me = next((item.user for item in view.all(Session)), "")
    if me == _BOOTSTRAP:
        stops.append(Stop(note(IS_KUBEADMIN, ref)))
    if not admins:
        stops.append(Stop(note(NO_ADMIN, ref)))
    elif not _seen(view, admins, me):
        stops.append(Stop(note(UNSEEN_ADMIN, ref, names=", ".join(admins[:5])), override=True))
    radius = [note(NO_WAY_BACK, ref)]
    radius += [note(ADMINS_STAY, ref, names=", ".join(admins[:5]))] if admins else []
    return Draft((Write(BootstrapSecret, found.ref, "delete"),), tuple(radius), tuple(stops))


def _admins(view: View) -> set[str]:
    """The people who may do everything, and whom a provider has let in."""
    names: set[str] = set()
    for grant in filter(is_full_admin, view.derive(cluster_grants)):
        subject = grant.subject
        if subject.kind == "Group":
            group = view.get(Group, subject.name)
            names |= set((group.users or ()) if group is not None else ())
        elif subject.kind == "User":
            names.add(subject.name)
    people = (view.get(User, name) for name in names - {_BOOTSTRAP})
    return {item.name for item in people if item is not None and item.identities}


def _seen(view: View, admins: list[str], me: str) -> bool:
    """Whether one of them is known to have logged in lately: we are one, or a login of theirs is young."""
    fresh = {item.user_name for item in view.all(OAuthAccessToken) if item.created and view.now - item.created <= _RECENT}
    return me in admins or bool(fresh & set(admins))


@recipe(
    "R-OAUTH-REVOKE",
    "End old logins",
    risk_class="disruptive",
    on=("Cluster",),
    writes=(OAuthAccessToken,),
    deletes=(OAuthAccessToken,),
    reads=(OAuthAccessToken, Session),
    asks=(
        Question("user", f"Whose logins to end: a user, or {EVERYBODY}", EVERYBODY, told_by="user"),
        Question("hours", "Those that are older than how many hours", "8", told_by="hours"),
    ),
    contains=("person",),
    verify_s=10.0,
)
def revoke(view: View, ref: Ref, user: str = EVERYBODY, hours: str = "8") -> Draft:
    """The oldest first, each by its uid; never the login that this is sent with."""
    gap = view.gap(OAuthAccessToken)
    if gap is not None:
        return refused(ref, LOGINS_UNREAD, why=gap)
    if not hours.strip().isdecimal():
        return refused(ref, NO_HOURS, hours=hours)
    own = next((item.login_name for item in view.all(Session)), "")
    found = _older(view, user.strip() or EVERYBODY, timedelta(hours=int(hours)))
    ending = [item for item in found if item.name != own]
    if not ending:
        return refused(ref, NO_LOGIN, user=user, hours=hours)
    radius = [*_by_user(view, ref, ending[:MOST])]
    radius += [note(OWN_STAYS, ref)] if len(ending) < len(found) else []
    radius += [note(MORE_LEFT, ref, count=len(ending) - MOST, most=MOST)] if len(ending) > MOST else []
    return Draft(tuple(Write(OAuthAccessToken, item.ref, "delete") for item in ending[:MOST]), tuple(radius))


def _older(view: View, user: str, age: timedelta) -> list[OAuthAccessToken]:
    known = [(item.created, item) for item in view.all(OAuthAccessToken) if user in {EVERYBODY, item.user_name}]
    old = [(created, item) for created, item in known if created is not None and (not age or view.now - created > age)]
    return [item for _, item in sorted(old, key=lambda pair: (pair[0], pair[1].name))]


def _by_user(view: View, ref: Ref, ending: list[OAuthAccessToken]) -> Iterator[Note]:
    counts = Counter(item.user_name for item in ending)
    for user, count in counts.most_common():
        ages = [view.now - item.created for item in ending if item.user_name == user and item.created]
        yield note(ENDS, ref, count=count, user=user or "nobody", hours=int(max(ages) / timedelta(hours=1)))
