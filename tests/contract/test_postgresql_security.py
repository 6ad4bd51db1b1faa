"""PostgreSQL: what an app may not do, and what becomes of hostile content when it is copied."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.errors import Retry, ServiceFailed
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceType
from tests.contract.postgresql import PostgresWorld, connection_in, is_root, postgres_world
from tests.contract.services import heard, service

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def world() -> Iterator[PostgresWorld]:
    with postgres_world() as world:
        yield world


def role_of(grant: Grant) -> str:
    return dict(grant.variables)["PGUSER"]


async def refused(world: PostgresWorld, grant: Grant, statement: str) -> str:
    with pytest.raises(ServiceFailed) as caught:
        await world.app(grant).run(statement)
    return caught.value.context


async def is_superuser(world: PostgresWorld, grant: Grant) -> bool:
    return bool(await world.superuser().value(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{role_of(grant)}'"))


async def test_an_app_reaches_its_own_database_only(world: PostgresWorld) -> None:
    here, there = await world.provided(service(), "one"), await world.provided(service(), "two")
    others = world.app(here).to(connection_in(there).database)
    for psql in (others, world.app(here).to("postgres"), world.app(here).to("template1")):
        with pytest.raises(ServiceFailed):
            await psql.run("SELECT")
    found = await world.superuser().rows(
        "SELECT datname, has_database_privilege(rolname, datname, 'CONNECT') AS may FROM pg_database, pg_roles "
        f"WHERE rolname = '{role_of(here)}' AND datname LIKE 'shop%'"
    )
    assert [row["datname"] for row in found if row["may"]] == [connection_in(here).database]


async def test_an_app_makes_tables_and_neither_databases_nor_roles(world: PostgresWorld) -> None:
    grant = await world.provided(service())
    await world.app(grant).run("CREATE TABLE t (i int)", "CREATE SCHEMA s", "CREATE VIEW s.v AS SELECT * FROM t")
    for forbidden in ("CREATE DATABASE x", "CREATE ROLE x", "ALTER ROLE CURRENT_USER SUPERUSER", "SET ROLE pullet"):
        await refused(world, grant, forbidden)
    for reach in ("COPY t TO PROGRAM 'true'", "COPY t TO '/tmp/x'", "SELECT pg_read_file('/etc/passwd')"):
        await refused(world, grant, reach)


async def test_a_wrong_password_and_the_superuser_from_outside_are_refused(world: PostgresWorld) -> None:
    connection = connection_in(await world.provided(service()))
    wrong = replace(world.superuser(), connection=replace(connection, password="wrong"))
    with pytest.raises(ServiceFailed) as caught:
        await wrong.run("SELECT")
    assert "password authentication failed" in caught.value.context
    admin = world.superuser().connection
    for outside in (replace(admin, host="127.0.0.1"), replace(admin, password="")):
        with pytest.raises(ServiceFailed):
            await replace(wrong, connection=outside).run("SELECT")


async def test_it_listens_on_loopback_only(world: PostgresWorld) -> None:
    await world.provided(service())
    assert await world.superuser().value("SELECT current_setting('listen_addresses')") == "127.0.0.1"
    with socket.socket() as trial, pytest.raises(OSError, match=r"refused|unreachable"):
        trial.settimeout(5)
        trial.connect(("127.0.0.2", world.cluster.port))


async def test_passwords_are_in_files_for_pullet_only_and_in_no_log_or_argv(world: PostgresWorld) -> None:
    grant = await world.provided(service())
    await refused(world, grant, "SELECT nonsense")
    secrets = [*grant.secrets, world.cluster.password]
    log = (world.cluster.shim / "output.log").read_text()
    assert "PostgreSQL" in log
    assert not [secret for secret in secrets if secret in log]
    holders = [
        path
        for path in world.cluster.folder.rglob("*")
        if path.is_file() and "data" not in path.parts and any(s.encode() in path.read_bytes() for s in secrets)
    ]
    assert holders
    assert all(path.stat().st_mode & 0o077 == 0 and path.stat().st_uid == os.geteuid() for path in holders)
    assert (world.cluster.data.stat().st_mode & 0o077, world.cluster.sockets.stat().st_mode & 0o077) == (0, 0)


@pytest.mark.skipif(not is_root(), reason="only root runs the server as another user")
async def test_as_root_the_server_is_a_user_of_its_own(world: PostgresWorld) -> None:
    await world.provided(service())
    pid = world.supervisor.observe(world.cluster.shim).pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert f"Uid:\t{world.cluster.user}\t" in status
    assert world.cluster.user != 0


async def test_extensions_on_request_and_by_the_app_where_trusted(world: PostgresWorld) -> None:
    key = service()
    await world.provided(key)
    spec = ServiceSpec("db", ServiceType.POSTGRESQL, extensions=("pg_trgm", "hstore"))
    grant = await world.provider.provide(key, spec)
    await world.app(grant).run("CREATE EXTENSION citext", "CREATE TABLE t (h hstore, c citext)")
    assert await world.app(grant).value("SELECT similarity('word', 'two words') > 0.1")
    await world.app(grant).run("INSERT INTO t VALUES ('a=>1', 'Á')")
    copy = service()
    clone = await world.provider.clone(key, copy, replace(spec, name=copy.name), heard)
    assert await world.app(clone).value("SELECT h -> 'a' FROM t") == "1"


@pytest.mark.parametrize("name", ["no_such", "file_fdw", "dblink", "x'; DROP", '"', ""])
async def test_an_extension_that_is_missing_or_dangerous_is_refused(world: PostgresWorld, name: str) -> None:
    key = service()
    grant = await world.provided(key, "one")
    with pytest.raises(ServiceFailed, match="extension") as caught:
        await world.provider.provide(key, ServiceSpec("db", ServiceType.POSTGRESQL, extensions=(name,)))
    assert caught.value.retry is Retry.NEXT_REVISION
    assert "pg_trgm" in caught.value.context
    assert await world.read(grant) == {"one"}


ESCALATING = """CREATE FUNCTION public.evil(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', 'none', false);
  EXECUTE format('ALTER ROLE %I SUPERUSER', {role});
  RETURN i;
EXCEPTION WHEN OTHERS THEN RETURN i;
END $$"""


async def test_code_in_a_database_gets_no_privilege_from_being_copied(world: PostgresWorld, tmp_path: Path) -> None:
    origin, key = service(), service()
    grant, copy = await world.provided(origin, "one"), await world.provided(key)
    await world.app(grant).run(
        ESCALATING.format(role=f"'{role_of(copy)}'"),
        "CREATE FUNCTION public.calm(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
        "$$ BEGIN RETURN public.evil(i); END $$",
        "CREATE TABLE public.t (i int CHECK (public.evil(i) > 0))",
        "INSERT INTO public.t VALUES (1)",
        "CREATE INDEX ON public.t (public.calm(i))",
        "CREATE MATERIALIZED VIEW public.m AS SELECT public.evil(i) FROM public.t",
    )
    await world.provider.clone(origin, key, world.spec(key), heard)
    await world.provider.dump(origin, tmp_path)
    await world.provider.load(key, world.spec(key), tmp_path)
    assert await world.read(copy) == {"one"}
    assert not await is_superuser(world, copy)
    assert not await is_superuser(world, grant)


async def test_a_search_path_of_the_app_does_not_reach_the_superuser(world: PostgresWorld) -> None:
    key, copy = service(), service()
    grant = await world.provided(key, "one")
    database = connection_in(grant).database
    await world.app(grant).run(
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.json_agg(anyelement) RETURNS json LANGUAGE plpgsql AS $$ BEGIN "
        f"EXECUTE 'ALTER ROLE {role_of(grant)} SUPERUSER'; RETURN '[]'; END $$",
        "CREATE FUNCTION evil.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass'",
        f'ALTER DATABASE "{database}" SET search_path = evil, pg_catalog',
    )
    spec = ServiceSpec("db", ServiceType.POSTGRESQL, extensions=("pg_trgm",))
    await world.provider.provide(key, spec)
    await world.provider.clone(key, copy, spec, heard)
    assert not await is_superuser(world, grant)


async def test_a_clone_belongs_to_its_own_role_and_no_grant_comes_along(world: PostgresWorld) -> None:
    origin, other, key = service(), service(), service()
    grant, reader = await world.provided(origin, "one"), await world.provided(other)
    await world.app(grant).run(
        f"GRANT SELECT ON record TO {role_of(reader)}",
        "CREATE SCHEMA s",
        "CREATE SEQUENCE s.q",
        "CREATE TYPE s.e AS ENUM ('a')",
    )
    for _ in range(3):  # from a dump, from the copy that is kept from then on, and from that again
        clone = await world.provider.clone(origin, key, world.spec(key), heard)
        owners = await world.superuser(connection_in(clone).database).rows(
            "SELECT DISTINCT pg_get_userbyid(relowner) AS owner, relacl::text AS acl FROM pg_class "
            "JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 's')"
        )
        assert owners == [{"owner": role_of(clone), "acl": None}]
        await world.app(clone).run("DROP SCHEMA s CASCADE", "DROP TABLE record")


async def test_a_key_of_another_app_does_not_reach_this_one(world: PostgresWorld) -> None:
    key = service("a" * 40)
    grant = await world.provided(key)
    assert len(connection_in(grant).database) <= 63
    assert (await world.provider.observe(key.environment))[0].key == ServiceKey(key.environment, "a" * 40)
