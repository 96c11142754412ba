"""Who is asking: keys, callers, limits; people, and how they sign in.

Knows how a key is found in a request, hashed and looked up, and what its caller may do; who a person is,
to which accounts they belong, and how they prove it. Refuses to know money and models, and never keeps
a secret: only its SHA-256, or of a password its argon2id hash.
"""

from tokenhouse.access.codes import Offered, SignInCodes
from tokenhouse.access.failures import Failures, network
from tokenhouse.access.identify import Access, header_key
from tokenhouse.access.memory import MemoryKeys
from tokenhouse.access.naming import check_account_name, check_line
from tokenhouse.access.people.addresses import checked_email
from tokenhouse.access.people.cookie import SESSION_COOKIE, SESSION_COOKIE_S, cookie
from tokenhouse.access.people.ground import PeopleSettings
from tokenhouse.access.people.mail import ConsoleMail, Mail, Mailer, MailError, SmtpMail
from tokenhouse.access.people.memory import MemoryPeople
from tokenhouse.access.people.people import People
from tokenhouse.access.people.port import PeopleStore
from tokenhouse.access.people.refusals import (
    account_shut,
    email_taken,
    last_owner,
    member_not_found,
    not_allowed,
    operators_only,
)
from tokenhouse.access.people.tokens import NewAccessToken
from tokenhouse.access.people.values import (
    AccessToken,
    Known,
    MailCode,
    Member,
    Membership,
    NewPerson,
    Person,
    PersonState,
    Right,
    Role,
    Seen,
    Session,
    SignedIn,
    allows,
)
from tokenhouse.access.port import KeyStore
from tokenhouse.access.secret import ACCESS_TOKEN, hash_secret, new_key, new_rotation
from tokenhouse.access.values import Caller, Key, KeyChange, KeyLimits, Limits, NewKey, Rotation

__all__ = [
    "ACCESS_TOKEN",
    "SESSION_COOKIE",
    "SESSION_COOKIE_S",
    "Access",
    "AccessToken",
    "Caller",
    "ConsoleMail",
    "Failures",
    "Key",
    "KeyChange",
    "KeyLimits",
    "KeyStore",
    "Known",
    "Limits",
    "Mail",
    "MailCode",
    "MailError",
    "Mailer",
    "Member",
    "Membership",
    "MemoryKeys",
    "MemoryPeople",
    "NewAccessToken",
    "NewKey",
    "NewPerson",
    "Offered",
    "People",
    "PeopleSettings",
    "PeopleStore",
    "Person",
    "PersonState",
    "Right",
    "Role",
    "Rotation",
    "Seen",
    "Session",
    "SignInCodes",
    "SignedIn",
    "SmtpMail",
    "account_shut",
    "allows",
    "check_account_name",
    "check_line",
    "checked_email",
    "cookie",
    "email_taken",
    "hash_secret",
    "header_key",
    "last_owner",
    "member_not_found",
    "network",
    "new_key",
    "new_rotation",
    "not_allowed",
    "operators_only",
]
