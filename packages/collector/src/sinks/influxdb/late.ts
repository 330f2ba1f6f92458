/**
 * Minutes of hosts that late points have touched: a continuous query or task never looks back, so their means are computed
 * again before a delivery counts as stored. Owns what is noted and its bound; promises that each touched minute of a host
 * is in exactly one of the ranges asked for, that the ranges hold at most twice as much as was touched, however large the
 * fleet, and that what was computed is not asked for again when the delivery comes again, unless later points touch it.
 */

/** Computes means again. Made by rollup.ts. */
export interface Rollup {
  /**
   * For the minutes in [from, to), both whole minutes; of all hosts where none are given, which are at most
   * RANGE_HOSTS_MAX values of the tag `host`. Resolves when the means are stored.
   * @throws MetricStreamError: `timeout` when the server takes too long for even a minute of one host; not `retryable`
   * when somebody must act first (no retention policy, bucket or permission to write means to).
   */
  recompute(fromUnixMs: number, toUnixMs: number, signal: AbortSignal, hosts?: readonly string[]): Promise<void>;
}

export const MINUTE_MS = 60_000;
/** Minutes and hosts of one call; so many comparisons are fast on 1.x and 2.x, and twice as many too deep for Flux. */
const RANGE_MINUTES_MAX = 15;
export const RANGE_HOSTS_MAX = 100;
/** Names of one call, which escaped are up to twice as long. */
const RANGE_HOST_CHARS_MAX = 16_384;
/** Of what is noted, and of what is remembered as computed. */
const BYTES_MAX = 4 * 1024 * 1024;
/** What a noted minute of a host takes beside the name. */
const OVERHEAD_BYTES = 64;

export interface LateRange {
  fromUnixMs: number;
  toUnixMs: number;
  hosts: readonly string[];
}

export interface LateMinutes {
  /** Starts a delivery. What was computed for it when it came before is remembered. */
  begin(delivery: string): void;
  /** A point of the host at this time is being written, of the delivery's record with this index, which never falls. */
  note(host: string, point: { unixMs: number; index: number }): void;
  /** Enough is noted to be computed first. */
  readonly full: boolean;
  /** The ranges of what is noted, oldest first. */
  ranges(): LateRange[];
  /** These have been computed, after all that is noted was written. */
  settle(range: LateRange): void;
  /** Forgets what is noted. */
  clear(): void;
  /** Forgets all: the delivery will not come again. */
  end(): void;
}

export function createLateMinutes(): LateMinutes {
  const noted = new Map<number, Set<string>>();
  /** By minute and host, up to which record's points. */
  const computed = new Map<number, Map<string, number>>();
  let bytes = 0;
  let computedBytes = 0;
  let delivery = '';
  let lastIndex = 0;

  function clear(): void {
    noted.clear();
    bytes = 0;
  }

  function forgetComputed(): void {
    computed.clear();
    computedBytes = 0;
    lastIndex = 0;
  }

  function remember(minute: number, host: string): void {
    const hosts = computed.get(minute) ?? new Map<string, number>();
    if (!hosts.has(host)) {
      if (computedBytes >= BYTES_MAX) return;
      computedBytes += bytesOf(host);
    }
    computed.set(minute, hosts.set(host, lastIndex));
  }

  return {
    begin(next) {
      clear();
      if (next !== delivery) forgetComputed();
      delivery = next;
    },
    note(host, { unixMs, index }) {
      const minute = Math.floor(unixMs / MINUTE_MS);
      lastIndex = index;
      if ((computed.get(minute)?.get(host) ?? -1) >= index) return;
      const hosts = noted.get(minute) ?? new Set();
      if (hosts.has(host)) return;
      noted.set(minute, hosts.add(host));
      bytes += bytesOf(host);
    },
    get full() {
      return bytes >= BYTES_MAX;
    },
    ranges: () => rectangles(noted).flatMap(inCalls),
    settle({ fromUnixMs, toUnixMs, hosts }) {
      for (let minute = fromUnixMs / MINUTE_MS; minute < toUnixMs / MINUTE_MS; minute++)
        for (const host of hosts) if (noted.get(minute)?.has(host) === true) remember(minute, host);
    },
    clear,
    end() {
      clear();
      forgetComputed();
      delivery = '';
    },
  };
}

function bytesOf(host: string): number {
  return host.length + OVERHEAD_BYTES;
}

interface Rectangle {
  from: number;
  to: number;
  hosts: Set<string>;
  /** Minutes of hosts in it that were touched. */
  touched: number;
}

/** Adjacent minutes together, unless that would be more than twice what was touched. */
function rectangles(noted: ReadonlyMap<number, ReadonlySet<string>>): Rectangle[] {
  const all: Rectangle[] = [];
  for (const [minute, hosts] of [...noted].sort(([a], [b]) => a - b)) {
    const last = all.at(-1);
    if (last !== undefined && last.to === minute && minute - last.from < RANGE_MINUTES_MAX) {
      const union = new Set([...last.hosts, ...hosts]);
      const touched = last.touched + hosts.size;
      if (union.size * (minute + 1 - last.from) <= 2 * touched) {
        Object.assign(last, { to: minute + 1, hosts: union, touched });
        continue;
      }
    }
    all.push({ from: minute, to: minute + 1, hosts: new Set(hosts), touched: hosts.size });
  }
  return all;
}

/** So many hosts at a time as one call takes. */
function inCalls({ from, to, hosts }: Rectangle): LateRange[] {
  const times = { fromUnixMs: from * MINUTE_MS, toUnixMs: to * MINUTE_MS };
  const calls: LateRange[] = [];
  let some: string[] = [];
  let chars = 0;
  for (const host of hosts) {
    if (some.length >= RANGE_HOSTS_MAX || chars + host.length > RANGE_HOST_CHARS_MAX) {
      if (some.length > 0) calls.push({ ...times, hosts: some });
      some = [];
      chars = 0;
    }
    some.push(host);
    chars += host.length;
  }
  return [...calls, { ...times, hosts: some }];
}
