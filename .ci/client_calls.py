"""Every call of the iiblib client against the service at the address given, whose certificate is in the file given."""
import sys
import threading
import time

import requests
from iiblib.iib_client import IIBClient, IIBException

HOST, CERTIFICATE = sys.argv[1:]
INDEX = "registry.example.test/ns/index:v1"
BINARY = "registry.example.test/bin/opm:v1"


def report(number, state):
    """What a worker does."""
    answer = requests.patch(
        f"https://{HOST}/api/v1/builds/{number}",
        json={"state": state, "state_reason": "the check says so"},
        verify=CERTIFICATE,
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def main():
    client = IIBClient(HOST, ssl_verify=CERTIFICATE, poll_interval=1, wait_for_build_timeout=60)
    bundle = "registry.example.test/ns/bundle:v1"
    builds = [
        client.add_bundles(INDEX, [bundle], ["amd64"], binary_image=BINARY, build_tags=["x"], deprecation_list=[]),
        client.remove_operators(INDEX, ["operator"], ["amd64"], binary_image=BINARY),
        client.regenerate_bundle(bundle, organization="acme"),
        client.create_empty_index(INDEX, binary_image=BINARY, labels={"a": "b"}),
        client.add_deprecations(
            index_image=INDEX, deprecation_schema='{"a": 1}', operator_package="operator", binary_image=BINARY
        ),
    ]
    kinds = ["add", "rm", "regenerate-bundle", "create-empty-index", "add-deprecations"]
    assert [build.request_type for build in builds] == kinds, builds
    assert [build.state for build in builds] == ["in_progress"] * 5, builds

    overwriting = client.add_bundles(
        INDEX, [bundle], ["amd64"], binary_image=BINARY, overwrite_from_index=True,
        overwrite_from_index_token="user:password", raw=True,
    )
    assert "password" not in str(overwriting), overwriting

    page = client.get_builds()
    assert (page.page, len(page.items())) == (1, 6), page
    try:
        page.next()
    except IIBException as error:
        assert "no such page" in str(error), error
    else:
        raise AssertionError("there is a second page")
    assert client.get_build(builds[1].id).removed_operators == ["operator"]
    assert client.get_build(builds[0].id, raw=True)["bundles"] == [bundle]

    waiting = threading.Timer(2, report, (builds[0].id, "complete"))
    waiting.start()
    assert client.wait_for_build(builds[0]).state == "complete"
    waiting.join()

    try:
        client.add_bundles("no-tag", [], [])
    except IIBException as error:
        assert "`from_index`" in str(error) and "`binary_image`" in str(error), error
    else:
        raise AssertionError("a wrong payload was accepted")
    print("every call of iiblib was answered as it expects")


started = time.monotonic()
main()
print(f"in {time.monotonic() - started:.1f} s", file=sys.stderr)
