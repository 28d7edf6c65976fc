"""
Docker Engine as people have it: each version, with each of its image stores, on a machine of its own that has the CA in
/etc/docker/certs.d and nowhere else. Builds are BuildKit's. They work side by side, each as users of its own.
"""
import concurrent.futures, os
import daemons
from lab import REGISTRY
from obtain import built, root

# name, suite, whether images are in the containerd store, programs of Go modules in place of the suite's
ENGINES = (
    ("20-10", "bookworm", False, ()),
    ("26-1", "trixie", False, ()),
    ("26-1-containerd", "trixie", True, ()),
    ("28-5", "forky", False, ()),
    ("28-5-containerd", "forky", True, ()),
    ("29", "forky", True, ("dockerd",)),
)
CLASSIC, STORE = {"storage-driver": "vfs"}, {"features": {"containerd-snapshotter": True}}


class Engine:
    def __init__(self, lab, name, suite, is_store, programs):
        self.lab, self.name, self.is_store, self.has_buildx = lab, name, is_store, suite != "bookworm"
        self.reads_hosts = suite == "forky"  # hosts.toml in /etc/docker/certs.d, and nothing else of it for mirrors
        self.settings = STORE if is_store else {**CLASSIC, "features": {"containerd-snapshotter": False}} if self.has_buildx else CLASSIC
        self.machine = lab.machine(name, root(suite))
        self.program, self.buildx = (*built(*programs), None) if programs else ("dockerd", None)
        self.process = None

    def start(self, settings=None, **env):
        self.process, self.address = daemons.dockerd(self.machine, self.name, self.program, env, **self.settings, **(settings or {}))

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def docker(self, *words, user="nobody", **k):
        """By the login of one of its users; nobody's has none."""
        config = self.lab.path(self.name, "config-" + user)
        if not os.path.isdir(config):
            os.makedirs(config + "/cli-plugins")
            if self.buildx:
                os.symlink(self.buildx, config + "/cli-plugins/docker-buildx")
        k = {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", **k}
        return self.machine.run("/usr/bin/docker", "-H", self.address, *words, DOCKER_CONFIG=config, **k)

    def login(self, user, password, name=None, registry=REGISTRY, **k):
        """As name, which is user itself where none is given; into the folder of user."""
        return self.docker("login", "-u", name or user, "--password-stdin", registry, user=user, stdin=password.encode(), **k)

    def build(self, tag, base, *words, **k):
        """Nothing is taken from an earlier build."""
        context = self.lab.path(self.name, "context-" + tag.replace("/", "_"))
        os.makedirs(context, exist_ok=True)
        with open(context + "/Dockerfile", "w") as f:
            f.write(f"FROM {base}\nCOPY file /file-{self.name}\n")
        with open(context + "/file", "wb") as f:
            f.write(os.urandom(100000))
        return self.docker(*(words or ("build",)), "--no-cache", "--pull", "-t", tag, context, **k)


def make(lab):
    return [Engine(lab, *row) for row in ENGINES]


def side_by_side(engines, do):
    """do(engine) for all at once; yields each with what waits for its end."""
    with concurrent.futures.ThreadPoolExecutor(len(engines)) as pool:
        yield from [(engine, pool.submit(do, engine)) for engine in engines]
