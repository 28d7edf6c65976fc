"""A server with a proxy namespace `m` in front of an upstream of the test's own."""
from cove import Case, Client, sha256
from upstream import Upstream


class Proxied(Case):
    auth, user = "none", None
    attributes = ()

    def setUp(self):
        self.up = Upstream(auth=self.auth, user=self.user, **getattr(self, "upstream", {}))
        self.addCleanup(self.up.close)
        self.make("m", *self.attributes)
        self.addCleanup(self.cove.command, "namespace", "remove", "m", "--purge")

    def make(self, name, *attributes):
        self.cove.command("namespace", "create", name, "proxy", f"upstream={self.up.url}", f"ca={self.up.ca_pem}", *attributes)
        self.up.forget()  # whether it answers

    def client(self, name="m/a"):
        return self.cove.client(f"repository:{name}:pull")

    def get(self, path, name="m/a", method="GET", **headers):
        return self.client(name).request(method, f"/v2/{name}/{path}", headers=headers)

    def reachable(self):
        r = Client(self.cove).request("GET", "/api/v1/namespaces/m", headers={"Authorization": self.cove.basic()})
        return r.json()["upstream"]["reachable"]

    def blob(self, data, name="m/a"):
        return self.get("blobs/" + sha256(data), name)
