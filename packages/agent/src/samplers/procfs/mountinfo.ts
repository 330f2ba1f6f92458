/**
 * /proc/self/mountinfo as mounts worth asking for their space. Pure. It is read rather than /proc/self/mounts since it
 * names each mount's device number (bind mounts of one file system are told by it) and whether the file system itself
 * is read-only: inside a hardened unit every mount is, and after an I/O error only the file system is.
 */

export interface Mount {
  path: string;
  /** As mounted: `/dev/sda1`, `nas:/export`, `tmpfs`. */
  source: string;
  fstype: string;
  mode: 'rw' | 'ro';
  /** `major:minor` of the file system. */
  deviceNumber: string;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
export function decodeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Reads mountinfo (proc_pid_mountinfo(5)); lines of another shape are passed over. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    // A variable number of optional fields ends with a dash; then come type, source and the file system's own options.
    const dash = fields.indexOf('-', 6);
    if (dash === -1 || fields.length < dash + 4) continue;
    const [, , deviceNumber = '', , path = ''] = fields;
    const [fstype = '', source = '', options = ''] = fields.slice(dash + 1);
    const mode = options === 'ro' || options.startsWith('ro,') ? 'ro' : 'rw';
    mounts.push({
      path: decodeOctal(path),
      source: decodeOctal(source),
      fstype: decodeOctal(fstype),
      mode,
      deviceNumber,
    });
  }
  return mounts;
}

/** Views of the kernel: they have no size, and asking each of a dozen would cost more than all the rest of a sweep. */
const SIZELESS_FSTYPES = new Set(
  'autofs binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devpts fusectl mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs smackfs sysfs tracefs'.split(
    ' ',
  ),
);

const AT_ONCE_FSTYPES = new Set(
  'ext2 ext3 ext4 xfs btrfs zfs bcachefs f2fs jfs reiserfs nilfs2 vfat exfat ntfs3 tmpfs devtmpfs ramfs hugetlbfs efivarfs squashfs erofs'.split(
    ' ',
  ),
);

/**
 * Picks the mounts to sample: of several on one path the topmost (the only one statfs can see), of several of one file
 * system (bind mounts, btrfs subvolumes) the one with the shortest path.
 * @param ignoreFstypes types not to sample; those without a size never are, nor is autofs, since asking would mount it.
 */
export function selectMounts(mounts: readonly Mount[], ignoreFstypes: ReadonlySet<string>): Mount[] {
  const topmost = new Map<string, Mount>();
  for (const mount of mounts) topmost.set(mount.path, mount);
  const seen = new Set<string>();
  const selected: Mount[] = [];
  for (const mount of [...topmost.values()].sort((a, b) => a.path.length - b.path.length)) {
    if (SIZELESS_FSTYPES.has(mount.fstype) || ignoreFstypes.has(mount.fstype)) continue;
    // btrfs gives each subvolume a device number of its own, but one source.
    const source = mount.source.startsWith('/') ? mount.source : undefined;
    if (seen.has(mount.deviceNumber) || (source !== undefined && seen.has(source))) continue;
    seen.add(mount.deviceNumber);
    if (source !== undefined) seen.add(source);
    selected.push(mount);
  }
  return selected;
}

/** @returns true when statfs is answered from the kernel's own memory; all else may wait for another machine or program. */
export function answersAtOnce(fstype: string): boolean {
  return AT_ONCE_FSTYPES.has(fstype);
}
