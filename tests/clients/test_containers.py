"""skopeo, podman, buildah: trust by certs.d, login, wrong password, push, pull, index, anonymous, logout."""
import json, os
from issuer import Issuer
from lab import REGISTRY, ClientCase


class Skopeo(ClientCase):
    tools = ("skopeo",)

    def test_all(self):
        s = lambda *a, **k: self.lab.client("skopeo", *a, **k)
        user, password = self.lab.user, self.lab.password
        image = f"docker://{REGISTRY}/skopeo/app"
        self.lab.distrust("containers/certs.d")
        self.assertIn("unknown authority", s("login", "-u", user, "-p", password, REGISTRY, status=1))
        self.lab.trust("containers/certs.d")
        self.assertIn("invalid username/password", s("login", "-u", user, "-p", "wrong-password", REGISTRY, status=1))
        s("copy", f"oci:{self.layout}:app", image + ":v1", status=1)  # anonymous
        s("login", "-u", user, "-p", password, REGISTRY)
        s("copy", "--preserve-digests", f"oci:{self.layout}:app", image + ":v1")
        s("copy", "--all", "--preserve-digests", f"oci:{self.layout}:multi", image + ":multi")
        s("copy", "--format", "v2s2", f"oci:{self.layout}:app", image + ":docker")
        self.assertEqual(json.loads(s("list-tags", image))["Tags"], ["docker", "multi", "v1"])
        self.assertEqual(json.loads(s("inspect", image + ":v1"))["Digest"], self.app)
        back = self.lab.path("skopeo-back")
        s("copy", "--all", image + ":multi", f"oci:{back}:multi")
        with open(os.path.join(back, "index.json")) as f:
            self.assertEqual(json.load(f)["manifests"][0]["digest"], self.multi)
        s("copy", image + "@" + self.app, f"dir:{back}-dir")
        s("copy", image + ":v1", f"docker://{REGISTRY}/skopeo/copy:v1")  # mounts
        s("delete", image + ":docker")
        self.assertNotIn("docker", json.loads(s("list-tags", image))["Tags"])
        # v1 is a platform of multi, and skopeo deletes by digest: refused with a sentence, in place of a broken multi
        refusal = s("delete", image + ":v1", status=1)
        self.assertIn(self.multi, refusal)
        self.assertIn("(tag multi)", refusal)
        s("copy", "--all", image + ":multi", f"oci:{back}-again:multi")
        s("delete", image + ":multi")
        s("delete", image + ":v1")
        s("inspect", image + ":v1", status=1)
        s("logout", REGISTRY)
        s("inspect", f"docker://{REGISTRY}/skopeo/copy:v1", status=1)


class Podman(ClientCase):
    tools = ("podman", "skopeo")

    def p(self, *a, **k):
        d = self.lab.path("podman")
        return self.lab.client("podman", "--root", d + "/root", "--runroot", d + "/run", "--tmpdir", d + "/tmp", "--storage-driver",
                               "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file", *a, **k)

    def test_all(self):
        self.seed("podman/seed")
        self.lab.distrust("containers/certs.d")
        self.p("login", "-u", self.lab.user, "-p", self.lab.password, REGISTRY, status=1)
        self.lab.trust("containers/certs.d")
        self.p("login", "-u", self.lab.user, "-p", "wrong-password", REGISTRY, status=1)
        self.p("pull", f"{REGISTRY}/podman/seed:app", status=1)
        self.p("login", "-u", self.lab.user, "-p", self.lab.password, REGISTRY)
        self.p("pull", f"{REGISTRY}/podman/seed:multi")
        self.p("tag", f"{REGISTRY}/podman/seed:multi", f"{REGISTRY}/podman/app:v1")
        self.p("push", f"{REGISTRY}/podman/app:v1")
        self.p("push", "--format", "docker", f"{REGISTRY}/podman/app:v1", f"{REGISTRY}/podman/app:docker")
        context = self.lab.path("podman-build")
        os.makedirs(context)
        with open(context + "/Containerfile", "w") as f:
            f.write("FROM scratch\nCOPY file /file\nLABEL a=b\n")
        with open(context + "/file", "w") as f:
            f.write("built\n")
        self.p("build", "--isolation", "chroot", "-t", f"{REGISTRY}/podman/built:1", context)
        self.p("push", f"{REGISTRY}/podman/built:1")
        self.p("manifest", "create", "list1")
        self.p("manifest", "add", "list1", f"docker://{REGISTRY}/podman/built:1")
        self.p("manifest", "push", "--all", "list1", f"docker://{REGISTRY}/podman/list:1")
        self.p("rmi", "--all", "--force")
        self.p("pull", f"{REGISTRY}/podman/built:1")
        self.p("pull", f"{REGISTRY}/podman/app:docker")
        self.p("logout", REGISTRY)
        self.p("rmi", "--all", "--force")
        self.p("pull", f"{REGISTRY}/podman/app:v1", status=1)


class Buildah(ClientCase):
    tools = ("buildah",)

    def b(self, *a, **k):
        d = self.lab.path("buildah")
        return self.lab.client("buildah", "--root", d + "/root", "--runroot", d + "/run", "--storage-driver", "vfs", *a, **k)

    def test_all(self):
        self.lab.trust("containers/certs.d")
        self.b("login", "-u", self.lab.user, "-p", "wrong-password", REGISTRY, status=1)
        self.b("login", "-u", self.lab.user, "-p", self.lab.password, REGISTRY)
        path = self.lab.path("buildah-file")
        with open(path, "wb") as f:
            f.write(os.urandom(3 << 20))
        container = self.b("from", "scratch").strip().split()[-1]
        self.b("copy", container, path, "/file")
        self.b("commit", container, f"{REGISTRY}/buildah/app:1")
        self.b("push", f"{REGISTRY}/buildah/app:1")
        self.b("rm", container)
        self.b("rmi", "--all", "--force")
        self.b("pull", f"{REGISTRY}/buildah/app:1")
        self.b("logout", REGISTRY)
        self.b("rmi", "--all", "--force")
        self.b("pull", f"{REGISTRY}/buildah/app:1", status=1)


class Umoci(ClientCase):
    tools = ("umoci", "skopeo")

    def test_all(self):
        """Pull into a layout, add a layer, push back."""
        self.seed("umoci/app")
        image, layout = f"docker://{REGISTRY}/umoci/app", self.lab.path("umoci")
        creds = f"{self.lab.user}:{self.lab.password}"
        self.lab.client("skopeo", "copy", "--src-creds", creds, image + ":app", f"oci:{layout}:app")
        extra = self.lab.path("umoci-extra")
        os.makedirs(extra)
        with open(extra + "/added", "w") as f:
            f.write("added\n")
        self.lab.client("umoci", "insert", "--image", layout + ":app", "--tag", "more", extra, "/added")
        self.lab.client("skopeo", "copy", "--dest-creds", creds, f"oci:{layout}:more", image + ":more")
        layers = json.loads(self.lab.client("skopeo", "inspect", "--creds", creds, image + ":more"))["Layers"]
        self.assertEqual(len(layers), 4)
        # unpack, change, repack: what comes back has the change
        bundle, again = self.lab.path("umoci-bundle"), self.lab.path("umoci-again")
        self.lab.client("umoci", "unpack", "--image", layout + ":more", bundle)
        with open(bundle + "/rootfs/added/added") as f:
            self.assertEqual(f.read(), "added\n")
        with open(bundle + "/rootfs/changed", "w") as f:
            f.write("changed\n")
        self.lab.client("umoci", "repack", "--image", layout + ":repacked", bundle)
        self.lab.client("skopeo", "copy", "--dest-creds", creds, f"oci:{layout}:repacked", image + ":repacked")
        self.lab.client("skopeo", "copy", "--src-creds", creds, image + ":repacked", f"oci:{layout}-back:app")
        self.lab.client("umoci", "unpack", "--image", layout + "-back:app", again)
        with open(again + "/rootfs/changed") as f:
            self.assertEqual(f.read(), "changed\n")


class Workload(ClientCase):
    """A CI job with the token of its provider in place of a password."""
    tools = ("skopeo", "podman")

    def test_all(self):
        provider = Issuer(self.lab.path())
        self.addCleanup(provider.close)
        provider.add_key("RS256", "provider")
        jwks = self.lab.path("jwks.json")
        with open(jwks, "wb") as f:
            f.write(provider.jwks())
        command = self.lab.server.command
        command("issuer", "add", "ci", provider.url, "--audience", REGISTRY, "--jwks", jwks)
        command("issuer", "rule", "ci", "job", "sub=project_path:myorg/*", "--role", "developer")
        token = provider.token("provider", audience=REGISTRY, sub="project_path:myorg/app")
        other = provider.token("provider", audience=REGISTRY, sub="project_path:evil/app")
        self.lab.trust("containers/certs.d")
        for tool in ("skopeo", "podman"):
            self.lab.client(tool, "login", "-u", "oidc", "-p", other, REGISTRY, status=1)
            self.lab.client(tool, "login", "-u", "oidc", "-p", token, REGISTRY)
            self.lab.client("skopeo", "copy", f"oci:{self.layout}:app", f"docker://{REGISTRY}/workload/{tool}:1")
            self.assertEqual(json.loads(self.lab.client("skopeo", "inspect", f"docker://{REGISTRY}/workload/{tool}:1"))["Digest"], self.app)
            self.lab.client(tool, "logout", REGISTRY)
