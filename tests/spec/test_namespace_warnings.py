"""Namespaces that cannot work as they are: made all the same, and who makes them is told why, by command and by API."""
import json, socket
from cove import Case, Client, free_port
from upstream import Upstream


class Warnings(Case):
    def setUp(self):
        self.up = Upstream()
        self.addCleanup(self.up.close)

    def api(self, method, target, body):
        c = Client(self.cove)
        c.auth = self.cove.basic()
        return c.request(method, "/api/v1/namespaces" + target, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def make(self, kind, **attributes):
        """What is said of a namespace that is made, by command and by API; both are there then."""
        said = self.cove.command("namespace", "create", "w", kind, *(f"{k}={v}" for k, v in attributes.items()))
        self.assertIn("namespace w.\n", said)
        self.cove.command("namespace", "remove", "w")
        r = self.api("POST", "", {"name": "w", "kind": kind, "attributes": attributes})
        self.assertEqual((r.status, r.json()["name"]), (201, "w"))
        self.addCleanup(self.cove.command, "namespace", "remove", "w")
        return said.split("namespace w.\n")[1], r.json()["warnings"]

    def change(self, **attributes):
        said = self.cove.command("namespace", "change", "w", *(f"{k}={v}" for k, v in attributes.items()))
        r = self.api("PATCH", "/w", {"attributes": attributes})
        self.assertEqual(r.status, 200, r.body)
        return said.split("Changed the namespace w.\n")[1], r.json()["warnings"]

    def assert_told(self, told, *parts):
        said, warnings = told
        self.assertEqual(len(warnings), 1, warnings)
        for part in parts:
            self.assertIn(part, said)
            self.assertIn(part, warnings[0])

    def test_a_group_without_members(self):
        self.assert_told(self.make("group"), "no members")
        self.assertEqual(self.change(members="/"), ("", []))
        self.assert_told(self.change(members=""), "no members")

    def test_a_port_that_is_taken(self):
        with socket.socket() as s:
            s.bind(("0.0.0.0", 0))
            s.listen()
            self.assert_told(self.make("hosted", listener="https", port=str(s.getsockname()[1])), "is in use")
            self.assertEqual(self.change(quota="1GiB"), ("", []))
        self.assertEqual(self.change(port=str(free_port())), ("", []))

    def test_an_upstream_that_does_not_answer(self):
        closed = f"127.0.0.1:{free_port()}"
        self.assert_told(self.make("proxy", upstream="https://" + closed), closed)
        self.assert_told(self.change(upstream=self.up.url), self.up.host)  # its CA is not known
        self.assertEqual(self.change(upstream=self.up.url, ca=self.up.ca_pem), ("", []))
        for status in (401, 403, 200, 429):
            self.up.behave(kind="ping", status=status)
            self.assertEqual(self.change(ca=self.up.ca_pem), ("", []))
        for status in (404, 500, 503):
            self.up.behave(kind="ping", status=status)
            self.assert_told(self.change(ca=self.up.ca_pem), f"status {status}")
        self.up.settle()
        self.up.forget()
        self.assertEqual(self.change(fresh="2h"), ("", []))
        self.assertEqual(self.change(upstream="https://" + closed, offline="true"), ("", []))
        self.assertEqual(self.up.count(), 0)
        # it works as soon as the upstream does
        self.up.add_image("a", "v1")
        self.assertEqual(self.change(upstream=self.up.url, ca=self.up.ca_pem, offline=""), ("", []))
        c = self.cove.client("repository:w/a:pull")
        self.assertEqual(c.request("GET", "/v2/w/a/manifests/v1").status, 200)
        self.cove.command("repository", "remove", "w/a")

    def test_behind_a_path(self):
        self.up.behave(kind="other", status=500)
        self.assertEqual(self.make("proxy", upstream=self.up.url + "/project", ca=self.up.ca_pem), ("", []))
        self.assertEqual(self.up.count(kind="ping"), 2)
