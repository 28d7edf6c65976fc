"""crane and oras: trust by the system's store (SSL_CERT_FILE stands in for it), push, pull, copy, tags, artifacts, delete."""
import json, os
from lab import REGISTRY, ClientCase
from obtain import newer


class GoCase(ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ca = cls.lab.path("ca.pem")
        with open(cls.ca, "wb") as f:
            f.write(cls.lab.ca)
        cls.program = cls.obtain()

    @classmethod
    def obtain(cls):
        return newer(cls.package, cls.suite)

    def go(self, *a, ca=True, **k):
        """Runs in the lab's directory."""
        settings = {"DOCKER_CONFIG": self.lab.path("config-" + self.package)}
        if ca:
            settings["SSL_CERT_FILE"] = self.ca
        return self.lab.client("env", "-C", self.lab.dir, self.program, *a, **settings, **k)


class Crane(GoCase):
    package, suite, tools = "crane", "forky", ("skopeo",)

    def test_all(self):
        self.seed("crane/seed")
        user, password = self.lab.user, self.lab.password
        seed, app = f"{REGISTRY}/crane/seed", f"{REGISTRY}/crane/app"
        self.go("digest", seed + ":app", ca=False, status=1)
        self.go("digest", seed + ":app", status=1)  # anonymous
        self.go("auth", "login", REGISTRY, "-u", user, "-p", password)
        self.assertIn(self.app, self.go("digest", seed + ":app"))
        self.go("copy", seed + ":multi", app + ":multi")  # another repository: mounts
        self.assertIn(self.multi, self.go("digest", app + ":multi"))
        tarball = self.lab.path("crane.tar")
        self.go("pull", seed + ":app", tarball)
        self.go("push", tarball, app + ":pushed")
        self.go("validate", "--remote", app + ":pushed")
        self.go("tag", app + ":pushed", "tagged")
        self.assertEqual(sorted(self.go("ls", app).split()), ["multi", "pushed", "tagged"])
        self.assertIn("crane/app", self.go("catalog", REGISTRY))
        self.go("delete", app + ":tagged")
        self.assertIn("(tag multi)", self.go("delete", app + "@" + self.app, status=1))  # a platform of multi
        self.go("validate", "--remote", app + ":multi")
        self.go("delete", app + "@" + self.multi)
        self.go("delete", app + "@" + self.app)
        self.go("copy", seed + ":multi", app + ":multi")
        self.go("auth", "logout", REGISTRY)
        self.go("digest", app + ":multi", status=1)


class Oras(GoCase):
    package, suite, tools = "oras", "trixie", ("skopeo",)

    def test_all(self):
        self.lab.trust("containers/certs.d")
        app = f"{REGISTRY}/oras/app"
        path = self.lab.path("artifact.txt")
        with open(path, "w") as f:
            f.write("an artifact\n")
        flags = ("--disable-path-validation",)
        self.go("login", "-u", self.lab.user, "-p", "wrong-password", REGISTRY, status=1)
        self.go("push", *flags, app + ":v1", path + ":text/plain", status=1)  # anonymous
        self.go("login", "-u", self.lab.user, "--password-stdin", REGISTRY, stdin=self.lab.password.encode())
        self.go("push", *flags, "--artifact-type", "application/x.test", app + ":v1", path + ":text/plain")
        self.go("push", "--artifact-type", "application/x.test", app + ":named", "artifact.txt:text/plain")
        self.go("attach", *flags, "--artifact-type", "application/x.sbom", app + ":v1", path + ":text/plain")
        self.assertIn("application/x.sbom", self.go("discover", app + ":v1"))
        # as a client that knows no referrers API, and the other way round: both see the same
        by_tag = ("--distribution-spec", "v1.1-referrers-tag")
        self.assertIn("application/x.sbom", self.go("discover", *by_tag, app + ":v1"))
        self.go("attach", *by_tag, *flags, "--artifact-type", "application/x.old", app + ":v1", path + ":text/plain")
        for how in ((), by_tag):
            found = self.go("discover", *how, app + ":v1")
            self.assertIn("application/x.sbom", found)
            self.assertIn("application/x.old", found)
        self.go("cp", "-r", app + ":v1", f"{REGISTRY}/oras/copy:v1")
        self.assertIn("application/x.sbom", self.go("discover", f"{REGISTRY}/oras/copy:v1"))
        self.assertIn("v1", self.go("repo", "tags", app))
        os.unlink(path)
        self.go("pull", "-o", self.lab.path("pulled"), app + ":named")
        with open(self.lab.path("pulled", "artifact.txt")) as f:
            self.assertEqual(f.read(), "an artifact\n")
        manifest = json.loads(self.go("manifest", "fetch", app + ":v1"))
        self.assertEqual(manifest["artifactType"], "application/x.test")
        self.go("blob", "fetch", "-o", self.lab.path("back.txt"), app + "@" + manifest["layers"][0]["digest"])
        with open(self.lab.path("back.txt")) as f:
            self.assertEqual(f.read(), "an artifact\n")
        self.go("manifest", "delete", "--force", app + ":v1")
        self.go("manifest", "fetch", app + ":v1", status=1)
        self.go("logout", REGISTRY)


class Cosign(GoCase):
    package, suite, tools = "cosign", "forky", ("skopeo", "curl")
    sign_with = ("--yes", "--tlog-upload=false", "--use-signing-config=false")
    verify_with = ("--insecure-ignore-tlog=true",)

    def cosign(self, *a, **k):
        return self.go(*a, COSIGN_PASSWORD="", **k)

    def registry(self, target):
        return json.loads(self.lab.client("curl", "-sS", "--cacert", self.ca, "-u", f"{self.lab.user}:{self.lab.password}",
                                          f"https://{REGISTRY}/v2/{target}"))

    def tags(self, name):
        return self.registry(f"{name}/tags/list")["tags"]

    def referrers(self, name):
        return self.registry(f"{name}/referrers/{self.app}")["manifests"]

    def test_all(self):
        """Signatures and attestations with a key, without any log or service of others: an image for each of the two
        formats, since a client that finds nothing by one looks for the other."""
        directory = self.lab.path("cosign")
        os.makedirs(directory, exist_ok=True)
        self.go("login", REGISTRY, "-u", self.lab.user, "-p", self.lab.password)
        for name in ("cosign", "other"):
            self.cosign("generate-key-pair", "--output-key-prefix", f"{directory}/{name}")
        self.predicate = directory + "/predicate.json"
        with open(self.predicate, "w") as f:
            json.dump({"made": "here"}, f)
        for name, bundle in (("cosign/old", "false"), ("cosign/new", "true")):
            self.seed(name)
            self.sign_and_verify(directory, f"{REGISTRY}/{name}@{self.app}", "--new-bundle-format=" + bundle)
        of_old = "sha256-" + self.app[7:]
        self.assertEqual(self.tags("cosign/old"), ["app", "multi", of_old + ".att", of_old + ".sig"])
        self.assertEqual(self.referrers("cosign/old"), [])
        self.assertEqual(self.tags("cosign/new"), ["app", "multi"])  # nothing but referrers
        self.assertEqual([d["artifactType"] for d in self.referrers("cosign/new")],
                         ["application/vnd.dev.sigstore.bundle.v0.3+json"] * 2)
        failure = self.cosign("verify", "--key", directory + "/cosign.pub", *self.verify_with, "--new-bundle-format=false",
                              f"{REGISTRY}/cosign/new@{self.app}", status=1)
        self.assertIn("no signatures found", failure)
        self.cosign("attach", "sbom", "--sbom", self.predicate, f"{REGISTRY}/cosign/old@{self.app}")
        self.assertIn(of_old + ".sbom", self.tags("cosign/old"))

    def sign_and_verify(self, directory, image, bundle):
        key, public = directory + "/cosign.key", directory + "/cosign.pub"
        failure = self.cosign("verify", "--key", public, *self.verify_with, bundle, image, status=1)
        self.assertIn("no signatures found", failure)
        self.cosign("sign", "--key", key, *self.sign_with, bundle, image)
        self.cosign("verify", "--key", public, *self.verify_with, bundle, image)
        self.cosign("attest", "--key", key, *self.sign_with, bundle, "--predicate", self.predicate, "--type", "custom", image)
        self.cosign("verify-attestation", "--key", public, *self.verify_with, bundle, "--type", "custom", image)
        failure = self.cosign("verify", "--key", directory + "/other.pub", *self.verify_with, bundle, image, status=1)
        self.assertRegex(failure, "no matching (signatures|attestations)")
