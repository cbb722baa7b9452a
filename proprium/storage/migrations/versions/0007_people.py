"""Adds access per property, one-time links, second factors, share links, the audit log and outgoing mail.

Accounts keep what they see: editors become members, and viewers members who may not create properties. A viewer could
own a property without being able to change it; that becomes access as a viewer.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _add_access()
    _add_user_columns()
    _add_one_time_links()
    _add_second_factors()
    _add_share_links()
    op.add_column("property", sa.Column("is_indexed", sa.Boolean(), nullable=False, server_default="0"))
    _add_audit_log()
    _add_outgoing_mail()
    op.add_column("api_key", sa.Column("may_manage", sa.Boolean(), nullable=False, server_default="0"))


def _add_access() -> None:
    op.create_table(
        "property_access",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "property_id", name="pk_property_access"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_property_access_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["property_id"], ["property.id"], name="fk_property_access_property_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_property_access_property_id", "property_access", ["property_id"])
    owned_by_viewers = "owner_id IN (SELECT id FROM user WHERE role = 'viewer')"
    op.execute(
        "INSERT INTO property_access (user_id, property_id, role, created_at)"
        f" SELECT owner_id, id, 'viewer', created_at FROM property WHERE {owned_by_viewers}"
    )
    op.execute(f"UPDATE property SET owner_id = NULL WHERE {owned_by_viewers}")


def _add_user_columns() -> None:
    op.add_column("user", sa.Column("may_create_properties", sa.Boolean(), nullable=False, server_default="1"))
    op.add_column("user", sa.Column("seen_at", MOMENT, nullable=True))
    op.add_column("user", sa.Column("totp_secret", sa.String(), nullable=True))
    op.add_column("user", sa.Column("totp_step", sa.Integer(), nullable=True))
    for name in ("oidc_subject", "language", "theme", "timezone"):
        op.add_column("user", sa.Column(name, sa.String(), nullable=True))
    op.create_index("ix_user_oidc_subject", "user", ["oidc_subject"], unique=True)
    op.execute("UPDATE user SET may_create_properties = 0 WHERE role = 'viewer'")
    op.execute("UPDATE user SET role = 'member' WHERE role IN ('editor', 'viewer')")
    op.execute(
        "UPDATE user SET seen_at = (SELECT max(seen_at) FROM login_session WHERE login_session.user_id = user.id)"
    )


def _add_one_time_links() -> None:
    op.create_table(
        "one_time_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_link"),
        sa.UniqueConstraint("token_hash", name="uq_one_time_link_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_one_time_link_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name="fk_one_time_link_created_by", ondelete="CASCADE"),
    )
    op.create_index("ix_one_time_link_user_id", "one_time_link", ["user_id"])


def _add_second_factors() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_recovery_code_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_recovery_code_user_id", "recovery_code", ["user_id"])
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_passkey"),
        sa.UniqueConstraint("credential_id", name="uq_passkey_credential_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_passkey_user_id", ondelete="CASCADE"),
    )
    op.create_index("ix_passkey_user_id", "passkey", ["user_id"])


def _add_share_links() -> None:
    op.create_table(
        "share_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("segment", sa.String(), nullable=True),
        sa.Column("tiles", sa.JSON(), nullable=False),
        sa.Column("shows_data_keys", sa.Boolean(), nullable=False),
        sa.Column("frame_ancestors", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_share_link"),
        sa.UniqueConstraint("token", name="uq_share_link_token"),
        sa.ForeignKeyConstraint(["property_id"], ["property.id"], name="fk_share_link_property_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name="fk_share_link_created_by", ondelete="SET NULL"),
    )
    op.create_index("ix_share_link_property_id", "share_link", ["property_id"])


def _add_audit_log() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("property_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("network", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_user_id", "audit_entry", ["user_id"])
    op.create_index("ix_audit_entry_property_id", "audit_entry", ["property_id"])


def _add_outgoing_mail() -> None:
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing_mail"),
    )
    op.create_index("ix_outgoing_mail_next_at", "outgoing_mail", ["next_at"])
