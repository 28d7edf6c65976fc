"""A disk whose every write is kept, so that its power can be cut at any moment afterwards.

An ext4 on a loop device, whose file this program serves itself (FUSE: include/uapi/linux/fuse.h of Linux): each write and each
flush of the kernel's block layer becomes a record of a log. `after_power_cut()` makes the disk as it may be after a cut: all that
was written before the last flush, and of the later 4 KiB pieces any, as a real disk with a cache may keep any. Needs root."""
import ctypes, os, shutil, struct, subprocess, sys, tempfile, time

PIECE = 4096
RECORD = struct.Struct("<QQ")  # offset, length; a flush has the length 0
GETATTR, SETATTR, FORGET, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, INTERRUPT, DESTROY = 3, 4, 2, 14, 15, 16, 17, 18, 20, 25, 26, 36, 38
EIO, ENOSYS = 5, 38


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def broken_ranges(log_path):
    """Of the disk: what can no longer be read, by Disk.break_file()."""
    try:
        with open(log_path + ".broken") as f:
            return [tuple(int(n) for n in line.split()) for line in f]
    except FileNotFoundError:
        return []


def serve(mountpoint, image_path, log_path):
    """One regular file as the root of a file system of its own; ends when it is unmounted."""
    size = os.path.getsize(image_path)
    image, log = os.open(image_path, os.O_RDWR), open(log_path, "ab", buffering=0)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=100000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"disk", mountpoint.encode(), b"fuse", 0, options.encode()):
        sys.exit(f"mount of fuse at {mountpoint}: {os.strerror(ctypes.get_errno())}")
    attributes = struct.pack("<QII6Q10I", 3600, 0, 0, 1, size, size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0, 0, PIECE, 0)
    while True:
        try:
            request = os.read(fuse, (1 << 20) + 4096)
        except OSError:
            return  # ENODEV: unmounted
        _, opcode, unique = struct.unpack_from("<IIQ", request)
        body, error = b"", 0
        if opcode == INIT:
            major, minor, readahead, _ = struct.unpack_from("<IIII", request, 40)
            # of the flags: big writes and a larger max_pages
            body = struct.pack("<IIIIHHIIHHII24x", 7, min(minor, 31), readahead, 1 << 5 | 1 << 22, 12, 9, 1 << 20, 1, 256, 0, 0, 0)
        elif opcode in (GETATTR, SETATTR):
            body = attributes
        elif opcode == OPEN:
            body = struct.pack("<QII", 0, 1, 0)  # direct: the page cache must not hide the order
        elif opcode == READ:
            _, offset, length = struct.unpack_from("<QQI", request, 40)
            if any(offset < end and start < offset + length for start, end in broken_ranges(log_path)):
                error = -EIO
            else:
                body = os.pread(image, length, offset)
        elif opcode == WRITE:
            _, offset, length = struct.unpack_from("<QQI", request, 40)
            data = request[80:80 + length]
            os.pwrite(image, data, offset)
            log.write(RECORD.pack(offset, length) + data)
            body = struct.pack("<II", length, 0)
        elif opcode == FSYNC:
            log.write(RECORD.pack(0, 0))
        elif opcode == STATFS:
            body = bytes(80)
        elif opcode in (FORGET, INTERRUPT):
            continue
        elif opcode not in (RELEASE, FLUSH, DESTROY):
            error = -ENOSYS
        os.write(fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


class Disk:
    """`path` is where it is mounted while it has power."""

    def __init__(self, size_bytes):
        self.folder = tempfile.mkdtemp(prefix="cove-disk-")
        self.path = os.path.join(self.folder, "mount")
        self.cuts = 0
        self.empty, self.image, self.log, self.file = (os.path.join(self.folder, n) for n in ("empty", "image", "log", "file"))
        os.mkdir(self.path)
        for name in (self.log, self.file):
            open(name, "w").close()
        with open(self.empty, "wb") as f:
            f.truncate(size_bytes)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.empty)
        run("cp", "--sparse=always", self.empty, self.image)
        self.server = subprocess.Popen([sys.executable, os.path.abspath(__file__), self.file, self.image, self.log])
        end = time.monotonic() + 30
        while os.path.getsize(self.file) != size_bytes:
            if self.server.poll() is not None or time.monotonic() > end:
                raise AssertionError("the disk's file did not appear")
            time.sleep(0.01)
        self.loop = run("losetup", "--find", "--show", self.file)
        run("mount", "-t", "ext4", self.loop, self.path)

    def break_file(self, path):
        """From now on the disk cannot read where the file lies; nothing of it is kept in memory. `mend()` ends it."""
        path = os.path.join(self.path, path)
        os.sync()
        extents = [[int(n) for n in line.replace("..", " ").replace(":", " ").split()[1:5]]
                   for line in run("filefrag", "-v", "-b4096", path).splitlines() if line.strip()[:1].isdigit()]
        assert extents, path
        with open(self.log + ".broken.new", "w") as f:
            f.writelines(f"{start * 4096} {(end + 1) * 4096}\n" for _, _, start, end in extents)
        os.rename(self.log + ".broken.new", self.log + ".broken")
        with open(path, "rb") as f:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def mend(self):
        os.unlink(self.log + ".broken")

    def position(self):
        """How much of the log is written: all that is durable by now is in front of it."""
        return os.path.getsize(self.log)

    def after_power_cut(self, position, rng, keep):
        """An image of the disk, power cut at `position`; of what was not flushed, a piece is there by the chance `keep`."""
        self.cuts += 1
        image = os.path.join(self.folder, f"cut{self.cuts}")  # never the same file: another mount namespace may still have it
        run("cp", "--sparse=always", self.empty, image)
        with open(self.log, "rb") as log, open(image, "r+b") as f:
            unflushed = []
            while log.tell() + RECORD.size <= position:
                offset, length = RECORD.unpack(log.read(RECORD.size))
                if length == 0:
                    for o, data in unflushed:
                        f.seek(o)
                        f.write(data)
                    unflushed = []
                    continue
                data = log.read(length)
                unflushed += [(offset + i, data[i:i + PIECE]) for i in range(0, length, PIECE)]
            for o, data in unflushed:
                if rng.random() < keep:
                    f.seek(o)
                    f.write(data)
        return image

    def destroy(self):
        for command in (["umount", "-l", self.path], ["losetup", "--detach", getattr(self, "loop", "")], ["umount", "-l", self.file]):
            subprocess.run(command, capture_output=True)
        self.server.kill()
        self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Mounted:
    """A disk's image, mounted; the file system repairs itself by its journal, as at any start. Removed when it is unmounted."""

    def __init__(self, image):
        self.image = image
        self.path = tempfile.mkdtemp(prefix="cove-mounted-")
        run("mount", "-t", "ext4", "-o", "loop", image, self.path)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        run("umount", self.path)
        os.rmdir(self.path)
        os.unlink(self.image)


if __name__ == "__main__":
    serve(*sys.argv[1:])
