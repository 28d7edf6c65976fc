/* One row for each kind of client, in the order in which people need them. The README has this text too (a test
 * compares them); the facts on the versions of Docker are proven in tests/clients/test_trust*.py. */
#include <cove/trust/howto.h>

static const struct {
	const char *clients;
	const char *commands; /* @ stands for the registry, as at the start of an image name */
} rows[] = {
    {"Docker 26 and later. Docker 20.10 too; if you build images, then run systemctl restart docker",
	"sudo install -D -m 644 cove-ca.crt /etc/docker/certs.d/@/ca.crt\n"},
    {"podman, skopeo, buildah, CRI-O", "sudo install -D -m 644 cove-ca.crt /etc/containers/certs.d/@/ca.crt\n"},
    {"containerd, nerdctl, Kubernetes nodes (config_path = \"/etc/containerd/certs.d\")",
	"sudo install -D -m 644 cove-ca.crt /etc/containerd/certs.d/@/ca.crt\n"},
    {"all others use the system's CA store: crane, oras, helm, cosign, curl, docker buildx imagetools, and\n"
     "  # registry-mirrors of Docker 28 and 29 (then run systemctl restart docker). On Fedora, use\n"
     "  # /etc/pki/ca-trust/source/anchors and update-ca-trust",
	"sudo install -m 644 cove-ca.crt /usr/local/share/ca-certificates/cove-ca.crt\n"
	"sudo update-ca-certificates\n"},
    {"buildkitd, buildx docker-container and remote: the CA, and two lines in buildkitd.toml\n"
     "  # (docker buildx create --buildkitd-config FILE)",
	"sudo install -D -m 644 cove-ca.crt /etc/buildkit/cove-ca.crt\n"
	"[registry.\"@\"]\n"
	"  ca = [\"/etc/buildkit/cove-ca.crt\"]\n"},
    {"Docker Desktop on a Mac; then restart it",
	"sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain cove-ca.crt\n"},
    {"Docker Desktop on Windows, in a console of the administrator; then restart Docker Desktop",
	"certutil -addstore Root cove-ca.crt\n"},
};

/* Image names leave out port 443, but a plain http:// URL would then mean port 80. */
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
	    "Make a client trust this registry once, before its first pull or build. (docker build remembers a missing "
	    "CA\n"
	    "for some minutes; systemctl restart docker clears that.) The setting insecure-registries is not needed.\n"
	    "\n"
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
	buf_addz(out, "\n"
		      "Docker stores the password in ~/.docker/config.json. For a machine, create a key (cove key "
		      "create NAME), and log\n"
		      "in as NAME with the key as the password.\n");
}
