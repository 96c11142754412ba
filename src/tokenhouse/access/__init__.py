"""Who is asking: keys, callers, limits.

Knows how a key is found in a request, hashed and looked up, and what its caller may do. Refuses to
know money and models, and never keeps a secret: only its SHA-256.
"""

from tokenhouse.access.codes import SignInCodes
from tokenhouse.access.failures import Failures
from tokenhouse.access.identify import Access, header_key
from tokenhouse.access.memory import MemoryKeys
from tokenhouse.access.port import KeyStore
from tokenhouse.access.secret import hash_secret, new_key, new_rotation
from tokenhouse.access.values import Caller, Key, KeyChange, KeyLimits, Limits, NewKey, Rotation

__all__ = [
    "Access",
    "Caller",
    "Failures",
    "Key",
    "KeyChange",
    "KeyLimits",
    "KeyStore",
    "Limits",
    "MemoryKeys",
    "NewKey",
    "Rotation",
    "SignInCodes",
    "hash_secret",
    "header_key",
    "new_key",
    "new_rotation",
]
