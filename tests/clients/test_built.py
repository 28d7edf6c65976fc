"""regctl, regsync, helm, buildctl with buildkitd: built from their modules; push, copy, list, artifacts, charts, cache export, delete."""
import base64, json, os
import daemons
from lab import REGISTRY
from obtain import built
from test_go import GoCase


class Regctl(GoCase):
    package, tools = "regctl", ("skopeo",)

    @classmethod
    def obtain(cls):
        return built("regctl")[0]

    def r(self, *a, **k):
        return self.go(*a, REGCTL_CONFIG=self.lab.path("regctl.json"), **k)

    def test_all(self):
        self.seed("regctl/seed")
        user, password = self.lab.user, self.lab.password
        seed, app = f"{REGISTRY}/regctl/seed", f"{REGISTRY}/regctl/app"
        self.r("registry", "login", REGISTRY, "-u", user, "-p", "wrong-password", status=1)
        self.r("manifest", "head", seed + ":app", status=1)  # anonymous
        self.r("registry", "login", REGISTRY, "-u", user, "--pass-stdin", stdin=password.encode())
        self.assertIn(self.app, self.r("image", "digest", seed + ":app"))
        self.r("image", "copy", "--referrers", "--digest-tags", seed + ":multi", app + ":multi")  # mounts
        self.assertIn(self.multi, self.r("manifest", "head", app + ":multi"))
        self.r("image", "copy", app + ":multi", f"ocidir://{self.lab.path('regctl-layout')}:multi")
        self.r("image", "copy", f"ocidir://{self.lab.path('regctl-layout')}:multi", app + ":back")
        self.assertEqual(self.r("tag", "ls", app).split(), ["back", "multi"])
        self.assertIn("regctl/app", self.r("repo", "ls", REGISTRY))
        self.r("artifact", "put", "--artifact-type", "application/x.sbom", "--subject", app + ":multi", stdin=b"a list of parts\n")
        self.assertIn("application/x.sbom", self.r("artifact", "list", app + ":multi"))
        tree = json.loads(self.r("artifact", "list", "--format", "{{json .}}", app + ":multi"))
        self.assertEqual(len(tree["descriptors"]), 1)
        self.assertIn("a list of parts", self.r("artifact", "get", "--subject", app + ":multi", "--filter-artifact-type", "application/x.sbom"))
        digest = self.r("blob", "put", app, stdin=b"by itself").strip()
        self.assertEqual(self.r("blob", "get", app, digest), "by itself")
        self.r("tag", "delete", app + ":back")
        self.assertEqual(self.r("tag", "ls", app).split(), ["multi"])
        self.assertIn("(tag multi)", self.r("manifest", "delete", app + "@" + self.app, status=1))  # a platform of multi
        self.r("manifest", "delete", app + "@" + self.multi)
        self.r("manifest", "head", app + ":multi", status=1)
        self.r("manifest", "delete", app + "@" + self.app)
        self.r("registry", "logout", REGISTRY)


class Regsync(GoCase):
    """Asks for all of its repositories in one token, so in more scopes than other clients ever have."""
    package, tools = "regsync", ("skopeo",)
    ENTRIES = 45

    @classmethod
    def obtain(cls):
        return built("regsync")[0]

    def test_many_entries(self):
        self.seed("regsync/seed")
        entries = [{"source": f"{REGISTRY}/regsync/seed:app", "target": f"{REGISTRY}/regsync/copy{i}:app", "type": "image"}
                   for i in range(self.ENTRIES)]
        config = self.lab.path("regsync.json")
        with open(config, "w") as f:
            json.dump({"version": 1, "defaults": {"parallel": 1}, "sync": entries,
                       "creds": [{"registry": REGISTRY, "user": self.lab.user, "pass": self.lab.password}]}, f)
        self.go("once", "-c", config)
        self.go("check", "-c", config)  # all at once: nothing is left to be done
        listed = json.loads(self.lab.server.command("repository", "list", "--json"))
        self.assertEqual(sum(r["name"].startswith("regsync/copy") for r in listed), self.ENTRIES)


class Helm(GoCase):
    package = "helm"

    @classmethod
    def obtain(cls):
        return built("helm")[0]

    def h(self, *a, **k):
        home = self.lab.path("helm")
        return self.go(*a, HELM_CONFIG_HOME=home + "/config", HELM_CACHE_HOME=home + "/cache", HELM_DATA_HOME=home + "/data", **k)

    def test_all(self):
        """A chart as Helm's users keep it: package, push, show, pull, template, another version."""
        directory = self.lab.path("chart")
        charts = f"oci://{REGISTRY}/charts"
        os.makedirs(directory)
        self.h("create", directory + "/web")
        self.h("registry", "login", REGISTRY, "-u", self.lab.user, "-p", "wrong-password", status=1)
        self.h("registry", "login", REGISTRY, "-u", self.lab.user, "-p", self.lab.password, ca=False, status=1)  # no trust
        for version in ("1.0.0", "1.1.0+build.7"):  # a plus becomes an underscore in the tag
            self.h("package", directory + "/web", "--version", version, "-d", directory)
        self.h("push", directory + "/web-1.0.0.tgz", charts, status=1)  # anonymous
        self.h("registry", "login", REGISTRY, "-u", self.lab.user, "--password-stdin", stdin=self.lab.password.encode())
        for version in ("1.0.0", "1.1.0+build.7"):
            self.assertIn("Digest: sha256:", self.h("push", f"{directory}/web-{version}.tgz", charts))
        self.assertIn("version: 1.0.0", self.h("show", "chart", charts + "/web", "--version", "1.0.0"))
        self.assertIn("version: 1.1.0+build.7", self.h("show", "chart", charts + "/web"))  # the highest, by the list of tags
        back = directory + "/back"
        os.makedirs(back)
        self.h("pull", charts + "/web", "--version", "1.0.0", "-d", back)
        with open(directory + "/web-1.0.0.tgz", "rb") as a, open(back + "/web-1.0.0.tgz", "rb") as b:
            self.assertEqual(a.read(), b.read())
        self.assertIn("kind: Deployment", self.h("template", "x", charts + "/web", "--version", "1.1.0+build.7"))
        self.h("registry", "logout", REGISTRY)
        self.h("pull", charts + "/web", "--version", "1.0.0", "-d", self.lab.dir, status=1)


class BuildKit(GoCase):
    package, tools = "buildkit", ("skopeo", "runc")

    @classmethod
    def obtain(cls):
        cls.client, cls.daemon = built("buildctl", "buildkitd")
        return cls.client

    def start(self, name, registries):
        return daemons.buildkitd(self.lab.clients, name, self.daemon, registries)[1]

    def log_in(self):
        """What docker login writes; buildctl has no login of its own."""
        pair = base64.b64encode(f"{self.lab.user}:{self.lab.password}".encode()).decode()
        directory = self.lab.path("config-" + self.package)
        os.makedirs(directory, exist_ok=True)
        with open(directory + "/config.json", "w") as f:
            json.dump({"auths": {REGISTRY: {"auth": pair}}}, f)

    def test_cache(self):
        """An image with its cache of all stages (mode=max), exported, then used by a daemon that has forgotten everything."""
        self.seed("buildkit/base")
        address = self.start("buildkit", f'[registry."{REGISTRY}"]\nca = ["{self.ca}"]\n')
        b = lambda *a, **k: self.go("--addr", address, *a, **k)
        context = self.lab.path("buildkit-context")
        os.makedirs(context)
        with open(context + "/Dockerfile", "w") as f:
            f.write(f"FROM {REGISTRY}/buildkit/base:app AS one\nCOPY file /one\nFROM scratch\nCOPY --from=one /one /two\n")
        with open(context + "/file", "w") as f:
            f.write("content\n")
        app, cache = f"{REGISTRY}/buildkit/app:v1", f"{REGISTRY}/buildkit/cache:v1"
        build = ("build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", "context=" + context, "--local", "dockerfile=" + context,
                 "--output", f"type=image,name={app},push=true", "--import-cache", f"type=registry,ref={cache}")
        b(*build, status=1)  # anonymous
        self.log_in()
        for image_manifest in ("false", "true"):  # the cache as an index over layers, and as an image
            b(*build, "--export-cache", f"type=registry,ref={cache},mode=max,image-manifest={image_manifest}")
            b("prune", "--all")
            again = b(*build)
            self.assertIn("importing cache manifest from " + cache, again)
            self.assertIn("CACHED", again)
        self.assertIn("v1", self.lab.client("skopeo", "list-tags", "--creds", f"{self.lab.user}:{self.lab.password}",
                                            f"docker://{REGISTRY}/buildkit/cache"))

    def test_mirror(self):
        """The file of `cove mirror config`: bases of two registries through one address, whatever the namespaces are called."""
        for name in ("library/kit", "owner/kit"):
            self.seed(name)
        c, lab = self.lab.server.command, self.lab
        for name, stands_for, more in (("docker.io", "docker.io", ["library=true"]), ("second", "second.test", [])):
            c("namespace", "create", name, "proxy", f"upstream=https://{REGISTRY}", "ca=" + lab.ca.decode(), "upstream_names=" + stands_for,
              "username=" + lab.user, *more)
            c("namespace", "password", name, stdin=lab.password.encode() + b"\n")
        context = lab.path("mirror-context")
        os.makedirs(context)
        with open(context + "/Dockerfile", "w") as f:
            f.write("FROM kit:app AS one\nFROM second.test/owner/kit:app AS two\n"
                    "FROM scratch\nCOPY --from=one /etc/layer0 /one\nCOPY --from=two /etc/layer1 /two\n")
        build = ("build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", "context=" + context, "--local", "dockerfile=" + context)
        written = c("mirror", "config", "buildkit", "--address", REGISTRY).replace("/etc/buildkit/cove.crt", self.ca)
        by_hand = written.replace(f'mirrors = ["{REGISTRY}"]', f'mirrors = ["{REGISTRY}/docker.io"]', 1)  # the prefix as well
        self.assertNotEqual(written, by_hand)
        self.log_in()
        try:
            for name, registries in (("buildkit-mirror", written), ("buildkit-by-hand", by_hand)):
                self.go("--addr", self.start(name, registries), *build)
            os.unlink(lab.path("config-" + self.package) + "/config.json")
            self.go("--addr", self.start("buildkit-refused", written), *build, status=1)
            for name in ("docker.io", "second"):
                c("user", "grant", "anonymous", name + "/**", "pull")
            # another daemon: that one keeps the token that allows nothing
            self.go("--addr", self.start("buildkit-anonymous", written), *build)
            for name in ("docker.io", "second"):
                c("user", "revoke", "anonymous", name + "/**")
        finally:
            for name in ("docker.io", "second"):
                c("namespace", "remove", name, "--purge")
