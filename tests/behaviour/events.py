# SPDX-License-Identifier: Apache-2.0
# events.py: the words of the protocol as the tests know them, written down once more on purpose.
TYPES = ["permission_granted", "permission_denied", "permission_revoked", "role_assigned",
         "role_revoked", "role_modified", "user_created", "user_updated", "user_deleted",
         "security_violation", "suspicious_activity", "access_denied", "policy_updated",
         "configuration_changed"]
SYSTEM = {"policy_updated", "configuration_changed"}


def event(kind, **members):
    """As a publisher writes it; members that are None are left out."""
    return {"event_type": kind, **{k: v for k, v in members.items() if v is not None}}
