"""What an upstream's word is good for, and where it may lead: nobody gets through it what it could not send itself."""
import os
from cove import free_port, sha256
from proxied import Proxied
from upstream import Upstream


class OnItsWord(Proxied):
    """An upstream that says of any blob that it has it, and cannot send one byte of it."""
    attributes = ("fresh=0s", "negative=0s")

    def push(self, name, data):
        c = self.cove.client(f"repository:{name}:pull,push")
        r = c.request("POST", f"/v2/{name}/blobs/uploads/?digest={sha256(data)}", data,
                      {"Content-Type": "application/octet-stream"})
        self.assertEqual(r.status, 201, r.body)

    def lie(self, data, upstream=None):
        (upstream or self.up).behave(kind="blob", method="HEAD", status=200,
                                     fields={"Content-Type": "application/octet-stream"}, body="x" * len(data))

    def not_given(self, data, *names):
        for name in names:
            for method in ("GET", "HEAD", "GET"):
                r = self.get("blobs/" + sha256(data), name, method)
                if method == "GET":
                    self.assertEqual(r.status, 404, (name, r.body))
                self.assertNotIn(data, r.body)

    def test_a_private_blob_of_this_registry(self):
        self.cove.command("namespace", "create", "private", "hosted")
        self.addCleanup(self.cove.command, "namespace", "remove", "private", "--purge")
        secrets = [os.urandom(2000), os.urandom(100000)]
        self.push("private/app", secrets[0]), self.push("rooted/app", secrets[1])
        for data in secrets:
            self.lie(data)
            self.not_given(data, "m/a", "m/private/app")
            self.assertEqual(self.up.count(kind="blob", method="GET", name="a") > 0, True)

    def test_through_a_group(self):
        self.cove.command("namespace", "create", "private", "hosted")
        self.addCleanup(self.cove.command, "namespace", "remove", "private", "--purge")
        self.cove.command("namespace", "create", "g", "group", "members=m")
        self.addCleanup(self.cove.command, "namespace", "remove", "g")
        data = os.urandom(2000)
        self.push("private/app", data)
        self.lie(data)
        self.not_given(data, "g/a", "g/private/app")

    def test_what_another_proxy_keeps(self):
        data = os.urandom(2000)
        with Upstream() as liar:
            self.up.add_blob("a", data)
            self.assertEqual(self.blob(data).body, data)
            self.cove.command("namespace", "create", "n", "proxy", f"upstream={liar.url}", f"ca={liar.ca_pem}", "negative=0s")
            self.addCleanup(self.cove.command, "namespace", "remove", "n", "--purge")
            self.lie(data, liar)
            self.not_given(data, "n/a", "n/b")
            liar.settle()
            liar.add_blob("c", data)  # who can send it is believed
            self.assertEqual(self.blob(data, "n/c").body, data)

    def test_what_an_earlier_upstream_sent(self):
        data = os.urandom(2000)
        with Upstream() as liar:
            self.up.add_blob("a", data)
            self.assertEqual(self.blob(data).body, data)
            self.cove.command("namespace", "change", "m", f"upstream={liar.url}", f"ca={liar.ca_pem}")
            self.lie(data, liar)
            self.not_given(data, "m/b", "m/c")
            self.assertEqual(self.blob(data).body, data)  # what the repository had before, it keeps
            liar.settle()
            for name in ("b", "c"):
                liar.add_blob(name, data)
            self.assertEqual(self.blob(data, "m/b").body, data)
            liar.forget()
            self.assertEqual(self.blob(data, "m/c").body, data)  # proven anew: its word does again
            self.assertEqual((liar.count(method="HEAD"), liar.count(method="GET")), (1, 0))

    def test_a_manifest_that_names_it(self):
        data = os.urandom(2000)
        self.push("rooted/app", data)
        self.lie(data)
        self.up.add_manifest("a", "v1", {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(data), "size": len(data)},
            "layers": []})
        self.assertEqual(self.get("manifests/v1").status, 200)
        self.not_given(data, "m/a")
