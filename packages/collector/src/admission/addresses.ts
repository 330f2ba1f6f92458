/**
 * Connections and failed attempts per address. Owns shared memory that all workers count in, so that the limits hold
 * over all of them, and promises bounded memory however many addresses come; what a worker counted is taken back when
 * it dies. Of IPv6 the first 64 bits are the address: whoever has one of those, has all.
 *
 * Connections are counted before they are compared, so no limit is ever exceeded; two that come at the same moment for
 * the last place may both be refused. Per address they are counted in three rows of buckets chosen by a seeded hash; the
 * smallest sum is the count. It is too large only if the address shares all three buckets with others: about 3 in 1,000
 * addresses among 10,000.
 *
 *   header   16 words  workers, hash seed
 *   totals   16 words per worker: connections it holds (a cache line each)
 *   rows     ROWS × BUCKETS × workers words: connections per bucket and worker
 */
import { hashed, mixed } from '@metricstream/proto/identity-set.ts';
import { randomInt } from 'node:crypto';
import type { Reason } from '../http/reasons.ts';
import { createClientTable, freeLocksOf, openClientTable } from './client-table.ts';
import { createLimiter } from './limits.ts';

export interface AddressLimits {
  /** Of all workers together. */
  readonly connectionsMax: number;
  readonly perAddressMax: number;
  readonly unauthenticatedPerSecond: number;
}

export interface Addresses {
  /** @returns why a new connection is refused, or undefined: then it is counted until `gone`. */
  arrived(ip: string): Reason | undefined;
  gone(ip: string): void;
  /** A request without a valid token or certificate. @returns 0, or the ms until the next one is even looked at. */
  failed(ip: string, nowTicks: number): number;
}

/** What all workers share. */
export interface AddressMemory {
  readonly connections: SharedArrayBuffer;
  /** A client table of addresses, for their failed attempts. */
  readonly attempts: SharedArrayBuffer;
}

const LINE_WORDS = 16;
const SEED_WORD = 1;
const ROWS = 3;
const BUCKETS = 65_536;
/** Addresses whose failed attempts are remembered; when there is no room for one more, it counts as over the limit. */
const FAILING_ADDRESSES_MAX = 4096;
/** So many milliseconds' worth of failed attempts may come at once. */
const ATTEMPTS_BURST_MS = 1000;
const NO_ROOM_WAIT_MS = 1000;

export function createAddresses(workers: number): AddressMemory {
  const words = new Int32Array(new SharedArrayBuffer((rowsFrom(workers) + ROWS * BUCKETS * workers) * 4));
  words[0] = workers;
  // Nobody outside can choose addresses that share buckets with those of others.
  words[SEED_WORD] = randomInt(2 ** 31);
  return { connections: words.buffer, attempts: createClientTable(FAILING_ADDRESSES_MAX, { threads: workers }) };
}

/** @returns the first word of the rows, behind header and totals. */
function rowsFrom(workers: number): number {
  return LINE_WORDS * (1 + workers);
}

/** Call it when a worker has died, before its successor opens the memory. */
export function forgetConnectionsOf({ connections, attempts }: AddressMemory, worker: number): void {
  const words = new Int32Array(connections);
  const workers = words[0] as number;
  Atomics.store(words, LINE_WORDS * (1 + worker), 0);
  for (let at = rowsFrom(workers) + worker; at < words.length; at += workers) Atomics.store(words, at, 0);
  freeLocksOf(attempts, holderOf(worker));
}

/** The name under which a worker holds locks of the attempts' table; 0 is nobody. */
function holderOf(worker: number): number {
  return worker + 1;
}

export function openAddresses(memory: AddressMemory, worker: number, limits: AddressLimits): Addresses {
  const { connectionsMax, perAddressMax, unauthenticatedPerSecond } = limits;
  const words = new Int32Array(memory.connections);
  const workers = words[0] as number;
  const firstRow = rowsFrom(workers);
  const hash = hasher(words[SEED_WORD] as number);
  const own = LINE_WORDS * (1 + worker);

  const table = openClientTable(memory.attempts, holderOf(worker));
  const limiter = createLimiter(table, {
    requestsPerSecond: unauthenticatedPerSecond,
    bytesPerSecond: Infinity,
    pointsPerSecond: Infinity,
    burstMs: ATTEMPTS_BURST_MS,
  });

  function isAnyFull(): boolean {
    let sum = 0;
    for (let at = LINE_WORDS; at < firstRow; at += LINE_WORDS) sum += Atomics.load(words, at);
    return sum > connectionsMax;
  }

  /** @returns where the counts of the address begin in this row, one word per worker. */
  function bucketAt(hashedKey: number, row: number): number {
    const bucket = mixed(hashedKey + Math.imul(row + 1, 0x9e3779b9)) & (BUCKETS - 1);
    return firstRow + (row * BUCKETS + bucket) * workers;
  }

  function count(hashedKey: number, change: 1 | -1): void {
    for (let row = 0; row < ROWS; row++) Atomics.add(words, bucketAt(hashedKey, row) + worker, change);
  }

  function isAddressFull(hashedKey: number): boolean {
    for (let row = 0; row < ROWS; row++) {
      const from = bucketAt(hashedKey, row);
      let sum = 0;
      for (let at = from; at < from + workers; at++) sum += Atomics.load(words, at);
      if (sum <= perAddressMax) return false;
    }
    return true;
  }

  return {
    arrived(ip) {
      Atomics.add(words, own, 1);
      if (isAnyFull()) {
        Atomics.sub(words, own, 1);
        return 'connections_full';
      }
      if (perAddressMax === Infinity) return undefined;
      const hashedKey = hash(addressKey(ip));
      count(hashedKey, 1);
      if (!isAddressFull(hashedKey)) return undefined;
      count(hashedKey, -1);
      Atomics.sub(words, own, 1);
      return 'address_full';
    },
    gone(ip) {
      Atomics.sub(words, own, 1);
      if (perAddressMax !== Infinity) count(hash(addressKey(ip)), -1);
    },
    failed(ip, nowTicks) {
      if (unauthenticatedPerSecond === Infinity) return 0;
      const slot = table.find(addressKey(ip), nowTicks);
      return slot === -1 ? NO_ROOM_WAIT_MS : limiter.charge(slot, 'requests', 1, nowTicks);
    },
  };
}

/** @returns a hash of short ASCII texts that nobody can predict who does not know the seed. */
function hasher(seed: number): (key: string) => number {
  const characters = Int32Array.from({ length: 128 }, (_, code) => mixed(seed + Math.imul(code + 1, 0x85ebca6b)));
  return (key) => {
    let hash = 0;
    for (let i = 0; i < key.length; i++) hash = hashed(hash, characters[key.charCodeAt(i) & 127] as number);
    return mixed(hash);
  };
}

const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** @returns who an address is counted as: an IPv4 address (also one mapped into IPv6), or the first 64 bits of an IPv6. */
export function addressKey(ip: string): string {
  const colon = ip.indexOf(':');
  if (colon === -1) return ip === '' ? 'unknown' : ip;
  if (ip.includes('.')) return ip.slice(ip.lastIndexOf(':') + 1);
  const zone = ip.indexOf('%');
  const address = zone === -1 ? ip : ip.slice(0, zone);
  const gap = address.indexOf('::');
  const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'));
  if (gap === -1) return groupsOf(address).slice(0, NETWORK_GROUPS).join(':');
  const left = groupsOf(address.slice(0, gap));
  const right = groupsOf(address.slice(gap + 2));
  const zeros = Array.from({ length: Math.max(0, GROUPS - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].slice(0, NETWORK_GROUPS).join(':');
}
