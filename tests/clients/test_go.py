"""crane and oras: trust by the system's store (SSL_CERT_FILE stands in for it), push, pull, copy, tags, artifacts, delete."""
import json, os, subprocess
from lab import REGISTRY, ClientCase


def newer(package, suite):
    """The program from a newer Debian suite; an unobtainable one fails the run."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "newer")
    done = subprocess.run([script, package, suite], capture_output=True, timeout=600)
    if done.returncode:
        raise AssertionError(f"{package} of Debian {suite} cannot be had: {done.stderr.decode()[-1000:]}")
    return os.path.join(done.stdout.decode().split("\n")[-2], "usr/bin", package)


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
        settings = {"DOCKER_CONFIG": self.lab.path("config-" + self.package)}
        if ca:
            settings["SSL_CERT_FILE"] = self.ca
        return self.lab.client(self.program, *a, **settings, **k)


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
        self.go("pull", *flags, "-o", "/", app + ":v1", status=None)
        manifest = json.loads(self.go("manifest", "fetch", app + ":v1"))
        self.assertEqual(manifest["artifactType"], "application/x.test")
        self.go("blob", "fetch", "-o", self.lab.path("back.txt"), app + "@" + manifest["layers"][0]["digest"])
        with open(self.lab.path("back.txt")) as f:
            self.assertEqual(f.read(), "an artifact\n")
        self.go("manifest", "delete", "--force", app + ":v1")
        self.go("manifest", "fetch", app + ":v1", status=1)
        self.go("logout", REGISTRY)


class Cosign(GoCase):
    package, suite, tools = "cosign", "forky", ("skopeo",)

    def test_all(self):
        """Signatures and attestations with a key, without any log or service of others."""
        self.seed("cosign/app")
        image = f"{REGISTRY}/cosign/app@{self.app}"
        directory = self.lab.path("cosign")
        os.makedirs(directory, exist_ok=True)
        key, public = directory + "/cosign.key", directory + "/cosign.pub"
        self.go("login", REGISTRY, "-u", self.lab.user, "-p", self.lab.password)
        self.go("generate-key-pair", "--output-key-prefix", directory + "/cosign", COSIGN_PASSWORD="")
        for bundle in ("false", "true"):  # the tag of old, and referrers
            self.go("sign", "--yes", "--key", key, "--tlog-upload=false", "--use-signing-config=false",
                    "--new-bundle-format=" + bundle, image, COSIGN_PASSWORD="")
            self.go("verify", "--key", public, "--insecure-ignore-tlog=true", "--new-bundle-format=" + bundle, image)
        other = directory + "/other"
        self.go("generate-key-pair", "--output-key-prefix", other, COSIGN_PASSWORD="")
        self.go("verify", "--key", other + ".pub", "--insecure-ignore-tlog=true", image, status=1)
