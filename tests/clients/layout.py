"""Images that are made on the spot."""
import gzip, hashlib, io, json, os, tarfile
import cove

SLSA = "https://slsa.dev/provenance/v1"


def _tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), 0o755, 1700000000
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def make_layout(directory, layers=3, layer_bytes=400000):
    """An OCI layout built on the spot: a three-layer image `app`, a two-platform index `multi`, `app` with a provenance `attested`."""
    blobs = os.path.join(directory, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def build(architecture):
        diff_ids, descriptors = [], []
        for i in range(layers):
            tar = _tar({f"data/{architecture}-{i}": os.urandom(layer_bytes), f"etc/layer{i}": b"layer %d\n" % i})
            diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
            descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **put(gzip.compress(tar, 1, mtime=0))})
        config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["/bin/true"]},
                  "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": [{"created_by": "cove tests"}] * layers}
        manifest = {"schemaVersion": 2, "mediaType": cove.OCI_IMAGE,
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(config).encode())},
                    "layers": descriptors}
        return {"mediaType": cove.OCI_IMAGE, **put(json.dumps(manifest).encode()),
                "platform": {"architecture": architecture, "os": "linux"}}

    def provenance(image):
        """What BuildKit adds to the index of an image: how it was built."""
        statement = put(json.dumps({"predicateType": SLSA, "subject": [{"name": "app", "digest": image["digest"]}]}).encode())
        manifest = {"schemaVersion": 2, "mediaType": cove.OCI_IMAGE,
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                               **put(b'{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":["' +
                                     statement["digest"].encode() + b'"]}}')},
                    "layers": [{"mediaType": "application/vnd.in-toto+json", **statement,
                                "annotations": {"in-toto.io/predicate-type": SLSA}}]}
        return {"mediaType": cove.OCI_IMAGE, **put(json.dumps(manifest).encode()),
                "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]},
                "platform": {"architecture": "unknown", "os": "unknown"}}

    amd64, arm64 = build("amd64"), build("arm64")
    index = put(json.dumps({"schemaVersion": 2, "mediaType": cove.OCI_INDEX, "manifests": [amd64, arm64]}).encode())
    attested = put(json.dumps({"schemaVersion": 2, "mediaType": cove.OCI_INDEX, "manifests": [amd64, provenance(amd64)]}).encode())
    named = [{**{k: v for k, v in amd64.items() if k != "platform"}, "annotations": {"org.opencontainers.image.ref.name": "app"}},
             {"mediaType": cove.OCI_INDEX, **index, "annotations": {"org.opencontainers.image.ref.name": "multi"}},
             {"mediaType": cove.OCI_INDEX, **attested, "annotations": {"org.opencontainers.image.ref.name": "attested"}}]
    with open(os.path.join(directory, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": named}, f)
    with open(os.path.join(directory, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    return amd64["digest"], index["digest"]
