"""
Signing and attaching through a group whose image is an upstream's: cosign (both formats), notation and oras push to the writable
member, find what they pushed, and leave the image to everybody. The upstream is Debian's docker-registry, which lists no referrers.
"""
import json, os
from lab import REGISTRY
from obtain import built, newer
from test_go import GoCase

IMAGE = f"{REGISTRY}/trust-all/library/busybox"


class GroupTrust(GoCase):
    package, tools = "group-trust", ("skopeo", "openssl")

    @classmethod
    def obtain(cls):
        cls.cosign = newer("cosign", "forky")
        cls.oras = newer("oras", "trixie")
        cls.notation = built("notation")[0]
        return cls.cosign

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = cls.lab.upstream("trust-upstream", cls.layout)
        c = cls.lab.server.command
        c("namespace", "create", "trust-own", "hosted")
        c("namespace", "create", "trust-hub", "proxy", f"upstream=https://{cls.upstream.address}", "ca=" + cls.upstream.ca, "upstream_names=none")
        c("namespace", "create", "trust-all", "group", "members=trust-own trust-hub", "writable=trust-own")

    @classmethod
    def tearDownClass(cls):
        for name in ("trust-all", "trust-hub", "trust-own"):
            cls.lab.server.command("namespace", "remove", name, "--purge")
        cls.upstream.stop()

    def run_(self, program, *a, **k):
        home = self.lab.path("trust-home")
        return self.lab.client("env", "-C", self.lab.dir, program, *a, DOCKER_CONFIG=self.lab.path("trust-config"), SSL_CERT_FILE=self.ca,
                               COSIGN_PASSWORD="", HOME=home, XDG_CONFIG_HOME=home, **k)

    def assert_there(self):
        """For who only pulls."""
        self.lab.trust("containers/certs.d")
        creds = ("--creds", f"{self.lab.user}:{self.lab.password}")
        for tag in ("1", "multi"):
            self.lab.client("skopeo", "copy", "--all", "--src-creds", f"{self.lab.user}:{self.lab.password}", f"docker://{IMAGE}:{tag}",
                            "dir:" + self.lab.path("trust-pulled-" + tag))
        tags = json.loads(self.lab.client("skopeo", "list-tags", *creds, f"docker://{IMAGE}"))["Tags"]
        self.assertLessEqual({"1", "multi"}, set(tags))

    def test_all(self):
        self.assert_there()
        for program in (self.cosign, self.oras, self.notation):
            self.run_(program, "login", REGISTRY, "-u", self.lab.user, "-p", self.lab.password)
        with self.subTest("oras attach"):
            path = self.lab.path("parts.txt")
            with open(path, "w") as f:
                f.write("a list of parts\n")
            for how in ((), ("--distribution-spec", "v1.1-referrers-tag")):
                self.run_(self.oras, "attach", *how, "--disable-path-validation", "--artifact-type", "application/x.sbom", IMAGE + ":1", path + ":text/plain")
                self.assert_there()
            found = json.loads(self.run_(self.oras, "discover", "--format", "json", IMAGE + ":1"))
            self.assertEqual({m["artifactType"] for m in found.get("manifests") or found["referrers"]}, {"application/x.sbom"})
        with self.subTest("cosign"):
            directory = self.lab.path("trust-keys")
            os.makedirs(directory)
            self.run_(self.cosign, "generate-key-pair", "--output-key-prefix", directory + "/key")
            image = f"{IMAGE}@{self.app}"
            for bundle in ("--new-bundle-format=false", "--new-bundle-format=true"):
                verify = (self.cosign, "verify", "--key", directory + "/key.pub", "--insecure-ignore-tlog=true", bundle, image)
                self.run_(self.cosign, "sign", "--yes", "--tlog-upload=false", "--use-signing-config=false", "--key", directory + "/key.key", bundle, image)
                self.run_(*verify)
                self.assert_there()
        with self.subTest("notation"):
            self.run_(self.notation, "cert", "generate-test", "--default", "trust.test")
            policy = self.lab.path("policy.json")
            with open(policy, "w") as f:
                json.dump({"version": "1.0", "trustPolicies": [{"name": "all", "registryScopes": ["*"], "trustStores": ["ca:trust.test"],
                           "trustedIdentities": ["*"], "signatureVerification": {"level": "strict"}}]}, f)
            self.run_(self.notation, "policy", "import", policy)
            self.run_(self.notation, "verify", image, status=1)
            self.run_(self.notation, "sign", image)
            self.run_(self.notation, "verify", image)
            self.assertIn("application/vnd.cncf.notary.signature", self.run_(self.notation, "list", image))
            self.assert_there()
        own = json.loads(self.lab.server.command("repository", "list", "--json"))
        self.assertIn("trust-own/library/busybox", [r["name"] for r in own])
