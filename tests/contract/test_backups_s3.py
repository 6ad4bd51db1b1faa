"""Damage in an S3 store: objects changed or gone, the bucket gone, credentials that it does not know."""

from __future__ import annotations

import asyncio
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from pullet.domain.errors import BackupFailed
from pullet.drivers.backups import ResticBackups
from pullet.drivers.backups.password import repository_password
from tests.backups import CREDENTIALS, KEY, fill, manifest, restic_backups, s3_store

pytestmark = pytest.mark.real


@dataclass
class Store:
    """A bucket, and where in it the backups are."""

    client: Any
    bucket: str
    address: str

    def objects(self, kind: str) -> list[str]:
        """The largest first."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=f"box/{kind}").get("Contents", ())
        return [each["Key"] for each in sorted(found, key=lambda each: each["Size"], reverse=True)]

    def read(self, name: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        return content

    def write(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=name, Body=content)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=name)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_store() as address:
        yield _server(address)


def _server(address: str) -> str:
    return address.removeprefix("s3:").rpartition("/bucket/")[0]


@pytest.fixture
def store(server: str) -> Store:
    client = boto3.client(
        "s3",
        endpoint_url=server,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    bucket = f"b{secrets.token_hex(8)}"
    client.create_bucket(Bucket=bucket)
    return Store(client, bucket, f"s3:{server}/{bucket}/box")


async def opened(store: Store, folder: Path) -> ResticBackups:
    return await restic_backups(folder, store.address, credentials=CREDENTIALS)


def flip_a_bit(store: Store) -> None:
    name = store.objects("data")[0]
    content = bytearray(store.read(name))
    content[len(content) // 3] ^= 1
    store.write(name, bytes(content))


def delete_one(store: Store) -> None:
    store.delete(store.objects("data")[0])


def lose_the_index(store: Store) -> None:
    for name in store.objects("index"):
        store.delete(name)


# What is cut short is refused, too; but restic tries to read it for 50 seconds, as the network could be what cuts.
HARM: tuple[Callable[[Store], None], ...] = (flip_a_bit, delete_one, lose_the_index)


@pytest.mark.parametrize("harm", HARM)
async def test_a_damaged_backup_is_refused_and_nothing_is_left(
    store: Store, tmp_path: Path, harm: Callable[[Store], None]
) -> None:
    made = await (await opened(store, tmp_path / "home")).save(fill(tmp_path / "saved"), manifest())
    harm(store)
    elsewhere = await opened(store, tmp_path / "new-machine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BackupFailed, match="damaged"):
        await elsewhere.restore(made.id, tmp_path / "restored")
    assert sorted(tmp_path.iterdir()) == before


async def test_a_bucket_that_is_gone_is_not_begun_anew(store: Store, tmp_path: Path) -> None:
    backups = await opened(store, tmp_path / "home")
    saved = fill(tmp_path / "saved")
    made = await backups.save(saved, manifest())
    for name in store.objects(""):
        store.delete(name)
    store.client.delete_bucket(Bucket=store.bucket)
    restore = partial(backups.restore, made.id, tmp_path / "restored")
    for act in (backups.list, partial(backups.save, saved, manifest()), restore):
        with pytest.raises(BackupFailed, match="has no backups in it"):
            await act()
    assert store.bucket not in {each["Name"] for each in store.client.list_buckets()["Buckets"]}
    assert not (tmp_path / "restored").exists()


def look_at_credentials(server: str) -> None:
    """From now on: moto does not by itself."""
    plain = {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset-auth", b"0", plain), timeout=10).close()


async def test_credentials_that_the_store_does_not_know(tmp_path: Path) -> None:
    with s3_store() as address:
        backups = await restic_backups(tmp_path / "home", address, credentials=CREDENTIALS)
        saved, restored = fill(tmp_path / "saved"), tmp_path / "restored"
        made = await backups.save(saved, manifest())
        await asyncio.to_thread(look_at_credentials, _server(address))
        stranger = await restic_backups(tmp_path / "new-machine", address, credentials=CREDENTIALS)
        for each in (backups, stranger):
            for act in (each.list, partial(each.restore, made.id, restored), partial(each.save, saved, manifest())):
                with pytest.raises(BackupFailed, match="refuses access") as caught:
                    await act()
                shown = f"{caught.value} {caught.value.__cause__}"
                assert not [word for word in (*CREDENTIALS.values(), repository_password(KEY)) if word in shown]
        assert not restored.exists()
