/* A row for each kind of clients, in the order in which people need them. The README has this text too (a test compares
 * them); what is said of the versions of Docker is proven in tests/clients/test_trust*.py. */
#include <cove/trust/howto.h>

static const struct {
	const char *clients;
	const char *commands; /* @ stands for the registry, as names of images begin with it */
} rows[] = {
    {"Docker 26 and later. Docker 20.10 too, then systemctl restart docker if you build",
	"sudo install -D -m 644 cove-ca.crt /etc/docker/certs.d/@/ca.crt\n"},
    {"podman, skopeo, buildah, CRI-O", "sudo install -D -m 644 cove-ca.crt /etc/containers/certs.d/@/ca.crt\n"},
    {"containerd, nerdctl, Kubernetes nodes (config_path = \"/etc/containerd/certs.d\")",
	"sudo install -D -m 644 cove-ca.crt /etc/containerd/certs.d/@/ca.crt\n"},
    {"everything else by the system's store: crane, oras, helm, cosign, curl, docker buildx imagetools,\n"
     "  # and registry-mirrors of Docker 28 and 29 (then systemctl restart docker). Fedora:\n"
     "  # /etc/pki/ca-trust/source/anchors, update-ca-trust",
	"sudo install -m 644 cove-ca.crt /usr/local/share/ca-certificates/cove-ca.crt\n"
	"sudo update-ca-certificates\n"},
    {"buildkitd, buildx docker-container and remote: in buildkitd.toml (docker buildx create\n"
     "  # --buildkitd-config FILE)",
	"[registry.\"@\"]\n"
	"  ca = [\"/etc/buildkit/cove-ca.crt\"]\n"},
    {"Docker Desktop on a Mac, then restart it",
	"sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain cove-ca.crt\n"},
    {"Docker Desktop on Windows, then restart it (in a window of the administrator)",
	"certutil -addstore Root cove-ca.crt\n"},
};

/* Port 443 is left out of names; a URL of plain HTTP would then mean port 80. */
static const char *port_of(struct str host)
{
	struct str name, port = host;

	if (str_starts(host, STR("[")))
		str_cut(host, ']', &name, &port);
	return str_has(port, ':') ? "" : ":443";
}

/* Indented, with the host in place of each @. */
static void put_commands(struct buf *out, const char *commands, struct str host)
{
	struct str rest = str_of(commands), line, before;

	while (rest.n) {
		str_cut(rest, '\n', &line, &rest);
		buf_addz(out, "  ");
		while (str_has(line, '@')) {
			str_cut(line, '@', &before, &line);
			buf_addf(out, "%.*s%.*s", STR_ARG(before), STR_ARG(host));
		}
		buf_addf(out, "%.*s\n", STR_ARG(line));
	}
}

static void put_trust(struct buf *out, struct str host, struct str fingerprint)
{
	buf_addf(out,
	    "Make a client trust this registry: once per machine, before its first pull or build (docker build "
	    "remembers\n"
	    "for some minutes that the CA was missing: systemctl restart docker). No insecure-registries.\n\n"
	    "  curl -fsSo cove-ca.crt http://%.*s%s/ca.crt\n"
	    "  openssl x509 -in cove-ca.crt -noout -fingerprint -sha256\n"
	    "     # must print %.*s\n",
	    STR_ARG(host), port_of(host), STR_ARG(fingerprint));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_addf(out, "\n  # %s\n", rows[i].clients);
		put_commands(out, rows[i].commands, host);
	}
	buf_addz(out, "\n");
}

void howto_trust(struct buf *out, struct str host, struct str fingerprint)
{
	if (fingerprint.n)
		put_trust(out, host, fingerprint);
	buf_addz(out, "Then:\n\n");
	put_commands(out,
	    "docker login @\n"
	    "docker pull nginx\n"
	    "docker tag nginx @/nginx:1\n"
	    "docker push @/nginx:1\n",
	    host);
	buf_addz(out, "\nDocker keeps the password of a login in ~/.docker/config.json. For a machine: cove key create "
		      "NAME, and log in\n"
		      "as NAME with the key.\n");
}
