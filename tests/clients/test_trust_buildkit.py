"""A buildkitd of its own that has the CA in buildkitd.toml; who drives it, buildctl or buildx, trusts nothing."""
import base64, json, os
import daemons
from lab import REGISTRY, ClientCase
from obtain import built, root


class BuildKit(ClientCase):
    tools = ("skopeo", "mmdebstrap")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        cls.buildctl, daemon, cls.buildx = built("buildctl", "buildkitd", "buildx")
        cls.machine = lab.machine("buildkit", root("forky"))
        _, cls.address = daemons.buildkitd(cls.machine, "buildkitd", daemon, f'[registry."{REGISTRY}"]\nca = ["{lab.server.ca}"]\n')
        for name, login in (("nobody", {}), ("dev", {REGISTRY: {"auth": base64.b64encode(f"{lab.user}:{lab.password}".encode()).decode()}})):
            plugins = lab.path("config-" + name, "cli-plugins")
            os.makedirs(plugins)
            os.symlink(cls.buildx, plugins + "/docker-buildx")
            with open(lab.path("config-" + name, "config.json"), "w") as f:
                json.dump({"auths": login}, f)
        for name in ("kit/public", "kit/closed"):
            cls.seed(cls, name)
        lab.server.command("user", "grant", "anonymous", "kit/public", "pull")

    def context(self, base):
        context = self.lab.path("context-" + base)
        os.makedirs(context, exist_ok=True)
        with open(context + "/Dockerfile", "w") as f:
            f.write(f"FROM {REGISTRY}/kit/{base}:app\nCOPY Dockerfile /\n")
        return context

    def control(self, base, *words, user="nobody", **k):
        context = self.context(base)
        return self.machine.run(self.buildctl, "--addr", self.address, "build", "--progress", "plain", "--frontend", "dockerfile.v0",
                                "--local", "context=" + context, "--local", "dockerfile=" + context, *words,
                                DOCKER_CONFIG=self.lab.path("config-" + user), **k)

    def docker(self, *words, user="nobody", **k):
        return self.machine.run("docker", "buildx", *words, DOCKER_CONFIG=self.lab.path("config-" + user), **k)

    def test_buildctl(self):
        self.control("public")
        refused = self.control("closed", status=1)
        self.assertNotIn("x509", refused)
        self.assertRegex(refused, "(?i)401|no basic auth credentials|denied")
        cache = f"type=registry,ref={REGISTRY}/kit/cache:1"
        push = ("--output", f"type=image,name={REGISTRY}/kit/built:1,push=true")
        self.control("closed", *push, "--export-cache", cache + ",mode=max", user="dev")
        self.assertIn("importing cache manifest", self.control("closed", *push, "--import-cache", cache, user="dev"))
        self.assertRegex(self.control("closed", *push, status=1), "(?i)401|no basic auth credentials|denied")

    def test_buildx_remote(self):
        cache = f"type=registry,ref={REGISTRY}/kit/cache:2"
        for user in ("nobody", "dev"):
            self.docker("create", "--name", "kit", "--driver", "remote", self.address, user=user)
        self.docker("build", "--builder", "kit", self.context("public"))
        built = f"{REGISTRY}/kit/built:2"
        self.docker("build", "--builder", "kit", "--push", "-t", built, self.context("closed"), "--cache-to", cache, user="dev")
        self.docker("build", "--builder", "kit", "--push", "-t", built, self.context("closed"), "--cache-from", cache, user="dev")
        self.assertIn("built", self.lab.client("skopeo", "inspect", "--creds", f"{self.lab.user}:{self.lab.password}", "docker://" + built))
