"""
Lists that are long: 100,000 tags, 100,000 repositories, 100,000 referrers, an index of 1,000 manifests. The same request
at the start, in the middle and at the end of a list, and to a server that has little, must cost the same: it is the page
that is paid for. Prints medians and their ratio to the little server's; nothing here passes or fails. Then the query
plan of each statement, if LIST_PLANS names the program list_plans.

  scripts/bench limits [--quick]
"""
import json, os, statistics, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cove, fill

QUICK = "--quick" in sys.argv
MANY = 10000 if QUICK else 100000
LITTLE = 300
REQUESTS = 60 if QUICK else 300
NAME, SUBJECT = "limits/app", cove.sha256(b"subject")
USERS = {"nobody": None, "near": "r/000*:pull", "far": "**/none:pull"}


def make(count):
    """A server with `count` of each."""
    server = cove.Cove().start()
    for user, grant in USERS.items():
        server.command("user", "add", user, *(["--grant", grant] if grant else []), stdin=b"a-password\n")
    server.stop()
    begin = time.monotonic()
    fill.tags(server.data, NAME, [f"v{i:06}" for i in range(count)])
    fill.repositories(server.data, [f"r/{i:06}" for i in range(count)])
    fill.referrers(server.data, NAME, SUBJECT, count)
    print(f"filled with {count} tags, repositories and referrers in {time.monotonic() - begin:.1f} s", flush=True)
    return server.start()


def cpu_s(server):
    with open(f"/proc/{server.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server, target, user="admin"):
    """Median of one request on a kept connection, and the server's CPU time for one, in microseconds."""
    password = server.password if user == "admin" else "a-password"
    c = server.client(f"repository:{NAME}:pull,push", "registry:catalog:*", user=user, password=password)
    assert c.request("GET", target).status == 200, target
    times, before = [], cpu_s(server)
    for _ in range(REQUESTS):
        begin = time.perf_counter()
        c.request("GET", target)
        times.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(times), (cpu_s(server) - before) * 1e6 / REQUESTS


def row(what, figures, base):
    print(f"{what:52} {figures[0]:9.0f} us {figures[0] / base[0]:6.2f}x   {figures[1]:8.0f} us CPU", flush=True)


def places(title, little, large, target, where):
    """One request of the little server, which is the measure, then one per place of the large one."""
    base = measure(little, target(where(LITTLE)[0]))
    row(f"{title}, of {LITTLE}", base, base)
    for name, at in zip(("first", "middle", "last"), where(MANY)):
        row(f"  of {MANY}, {name}", measure(large, target(at)), base)


def tag_places(count):
    return [None] + [f"v{i:06}" for i in (count // 2, count - 101)]


def repository_places(count):
    return [None] + [f"r/{i:06}" for i in (count // 2, count - 101)]


def referrer_places(count):
    """Manifest ids: the first `count` are those of the tags."""
    return [0, count + count // 2, 2 * count - 101]


def index_of(server, count):
    """PUT and GET of an index of `count` manifests."""
    c = server.client(f"repository:{NAME}:pull,push")
    tags = c.request("GET", f"/v2/{NAME}/tags/list?n={count}").json()["tags"]
    while len(tags) < count:
        tags += c.request("GET", f"/v2/{NAME}/tags/list?n={count - len(tags)}&last={tags[-1]}").json()["tags"]
    children = []
    for tag in tags:
        r = c.request("HEAD", f"/v2/{NAME}/manifests/{tag}")
        children.append(cove.descriptor(r["Content-Type"], r["Docker-Content-Digest"], int(r["Content-Length"])))
    times = []
    for i in range(9):
        document = {"schemaVersion": 2, "mediaType": cove.OCI_INDEX, "manifests": children, "annotations": {"round": str(i)}}
        begin = time.perf_counter()
        r, _ = c.push_manifest(NAME, f"index-{count}", document)
        times.append((time.perf_counter() - begin) * 1e6)
        assert r.status == 201, r.body
    print(f"{f'PUT an index of {count} manifests':52} {statistics.median(times):9.0f} us", flush=True)
    target = f"/v2/{NAME}/manifests/index-{count}"
    print(f"{f'GET an index of {count} manifests':52} {measure(server, target)[0]:9.0f} us", flush=True)


def main():
    little, large = make(LITTLE), make(MANY)
    print(f"{'':52} {'median':>12} {'ratio':>7}   {'of the server':>15}   ({REQUESTS} requests each, pages of 100)")

    def page(path):
        return lambda last: f"/v2/{path}?n=100" + (f"&last={last}" if last else "")
    places("tags/list", little, large, page(NAME + "/tags/list"), tag_places)
    places("_catalog", little, large, page("_catalog"), repository_places)
    places("referrers", little, large, lambda after: f"/v2/{NAME}/referrers/{SUBJECT}?after={after}", referrer_places)
    places("referrers of one type", little, large,
           lambda after: f"/v2/{NAME}/referrers/{SUBJECT}?artifactType=application/x.other&after={after}", referrer_places)
    places("manifest by tag", little, large, lambda tag: f"/v2/{NAME}/manifests/{tag or 'v000000'}", tag_places)
    for user, who in (("nobody", "no grant"), ("near", "a grant on one prefix"), ("far", "a grant that begins with **")):
        base = measure(little, "/v2/_catalog?n=100", user)
        row(f"_catalog for {who}, of {LITTLE}", base, base)
        row(f"  of {MANY}", measure(large, "/v2/_catalog?n=100", user), base)
    index_of(large, 10)
    index_of(large, 1000)
    large.stop()
    if "LIST_PLANS" in os.environ:
        print("\nquery plans")
        digest = cove.sha256(json.dumps({"schemaVersion": 2, "mediaType": cove.OCI_INDEX, "manifests": [], "annotations": {"number": "0"}}).encode())
        print(subprocess.run([os.environ["LIST_PLANS"], large.data, NAME, digest], check=True, capture_output=True, text=True).stdout, end="")


main()
