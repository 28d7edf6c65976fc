"""
The blocks of docs/tls-proxies.md, each run by its program in front of cove: what clients are told is the proxy's own address, and skopeo
and oras, which sends no password to an http realm, push and pull through it. On loopback: trust is not what is tried here.
"""
import os, re, shutil, subprocess, tempfile
from cove import Case, Client, Listener, eventually, free_port
from lab import need, run
from layout import make_layout
from obtain import newer

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "tls-proxies.md")
ETC = "/etc/ssl"


def block(name):
    with open(DOC) as f:
        return re.search(rf"```{name}\n(.*?)```", f.read(), re.S).group(1)


class TlsProxies(Case):
    flags = ("--names", "localhost")

    @classmethod
    def setUpClass(cls):
        need("nginx", "apache2", "haproxy", "caddy", "skopeo", "openssl")
        super().setUpClass()
        cls.dir = tempfile.mkdtemp(prefix="cove-proxies-")
        cls.plain_port = free_port()
        cls.cove.command("namespace", "change", "/", "listener=http", f"port={cls.plain_port}")
        cls.plain = Listener(cls.cove, cls.plain_port, plain=True).wait()
        cls.cove.command("user", "add", "dev", "--grant", "**:pull,push", stdin=b"dev-password-1\n")
        cert, key = cls.path("registry.pem"), cls.path("registry.key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        with open(cls.path("registry-and-key.pem"), "w") as both:
            both.write(open(cert).read() + open(key).read())
        cls.app, _ = make_layout(cls.path("layout"), layer_bytes=3 << 20)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)
        super().tearDownClass()

    @classmethod
    def path(cls, *parts):
        return os.path.join(cls.dir, *parts)

    def start(self, text, command):
        """The block with this machine's names in it, run by `command` with the file's name behind it."""
        self.port = free_port()
        text = (text.replace("registry.example", "localhost").replace(ETC, self.dir).replace("443", str(self.port))
                .replace("127.0.0.1:8080", f"127.0.0.1:{self.plain_port}").replace("127.0.0.1:5000", f"127.0.0.1:{self.cove.port}"))
        config = self.path(f"{self.port}.conf")
        with open(config, "w") as f:
            f.write(text)
        os.makedirs(self.path("home"), exist_ok=True)
        log = open(self.path(f"{self.port}.log"), "wb")
        process = subprocess.Popen([*command, config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.path("home"), "LANG": "C.UTF-8"})
        self.addCleanup(log.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        proxy = Listener(self.cove, self.port)
        eventually(lambda: proxy.is_open() or process.poll() is not None, f"{command[0]} listens")
        with open(log.name, errors="replace") as f:
            self.assertIsNone(process.poll(), f.read())
        return proxy

    def try_clients(self, proxy, ca=None):
        proxy.ca, proxy.host = ca or self.path("registry.pem"), "localhost"
        at = f"localhost:{self.port}"
        r = Client(proxy).request("GET", "/v2/")
        self.assertIn(f'realm="https://{at}/token"', r["WWW-Authenticate"])
        name, certs = f"{at}/p{self.port}/app", self.path(f"certs-{self.port}")
        os.makedirs(certs)
        shutil.copy(proxy.ca, os.path.join(certs, "ca.crt"))
        env = {"PATH": "/usr/bin:/bin", "HOME": self.path("home"), "TMPDIR": self.dir, "XDG_RUNTIME_DIR": self.path("home")}
        run("skopeo", "copy", "--dest-creds", "dev:dev-password-1", "--dest-cert-dir", certs, f"oci:{self.path('layout')}:app",
            f"docker://{name}:1", env=env)
        run("skopeo", "copy", "--src-creds", "dev:dev-password-1", "--src-cert-dir", certs, f"docker://{name}:1",
            f"oci:{self.path(f'back-{self.port}')}:1", env=env)
        self.assertIn(self.app, run("skopeo", "inspect", "--creds", "dev:dev-password-1", "--cert-dir", certs, f"docker://{name}:1", env=env))
        oras = [newer("oras", "forky")]
        who = ["-u", "dev", "-p", "dev-password-1", "--ca-file", proxy.ca, "--plain-http=false"]
        with open(self.path("artifact"), "wb") as f:
            f.write(os.urandom(4 << 20))
        run("env", "-C", self.dir, *oras, "push", *who, f"{name}:artifact", "artifact", env=env)
        os.makedirs(self.path(f"pulled-{self.port}"))
        run(*oras, "pull", *who, "-o", self.path(f"pulled-{self.port}"), f"{name}:artifact", env=env)
        with open(self.path(f"pulled-{self.port}", "artifact"), "rb") as f, open(self.path("artifact"), "rb") as sent:
            self.assertEqual(f.read(), sent.read())

    def test_nginx(self):
        temporary = "".join(f"{kind}_temp_path {self.dir}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = f"daemon off; pid {self.dir}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{temporary}{block('nginx')}}}\n"
        self.try_clients(self.start(text, ["nginx", "-e", "stderr", "-c"]))

    def test_apache(self):
        modules = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n"
                          for m in ("mpm_event", "authz_core", "ssl", "socache_shmcb", "proxy", "proxy_http", "headers"))
        who = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        text = f"ServerRoot {self.dir}\nPidFile {self.dir}/apache.pid\nErrorLog /dev/stderr\n{modules}{who}Listen 443\n{block('apache')}"
        self.try_clients(self.start(text, ["apache2", "-D", "FOREGROUND", "-f"]))

    def test_caddy(self):
        text = f"{{\nadmin off\nauto_https off\nstorage file_system {self.dir}/caddy\n}}\n{block('caddy')}"
        self.try_clients(self.start(text, ["caddy", "run", "--adapter", "caddyfile", "--config"]))

    def test_haproxy(self):
        self.try_clients(self.start(block("haproxy"), ["haproxy", "-db", "-f"]))

    def test_layer_4_that_ends_tls(self):
        proxy = self.start(block("haproxy-layer4"), ["haproxy", "-db", "-f"])
        proxy.ca, proxy.host = self.path("registry.pem"), "localhost"
        self.assertIn('realm="http://', Client(proxy).request("GET", "/v2/")["WWW-Authenticate"])
        self.cove.command("namespace", "change", "/", "behind_tls=true")
        try:
            self.try_clients(proxy)
        finally:
            self.cove.command("namespace", "change", "/", "behind_tls=false")

    def test_layer_4_that_passes_tls_through(self):
        self.try_clients(self.start(block("haproxy-passthrough"), ["haproxy", "-db", "-f"]), ca=self.cove.ca)
