import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressKey,
  type AddressLimits,
  createAddresses,
  forgetConnectionsOf,
  openAddresses,
} from '../../src/admission/addresses.ts';
import { TICKS_PER_MS, TICKS_PER_SECOND } from '../../src/admission/monotonic.ts';
import type { AddressData } from './addresses-worker.ts';

const OPEN: AddressLimits = { connectionsMax: 1_000_000, perAddressMax: Infinity, unauthenticatedPerSecond: Infinity };
const START = 3600 * TICKS_PER_SECOND;

function ipOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

describe('who an address is counted as', () => {
  test('IPv4 as it is, also inside IPv6; of IPv6 the first 64 bits, however it is written', () => {
    const cases: Record<string, string> = {
      '192.0.2.1': '192.0.2.1',
      '::ffff:192.0.2.1': '192.0.2.1',
      '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
      '2001:db8:1:2::6': '2001:db8:1:2',
      '2001:db8::6': '2001:db8:0:0',
      '2001:db8::3:4:5:6:7': '2001:db8:0:3',
      '::1': '0:0:0:0',
      '::': '0:0:0:0',
      '1::': '1:0:0:0',
      'fe80::1%eth0': 'fe80:0:0:0',
      '': 'unknown',
    };
    for (const [ip, key] of Object.entries(cases)) expect(addressKey(ip), ip).toBe(key);
  });

  test('never anything that a table of addresses cannot hold', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
        expect(addressKey(ip)).toMatch(/^[0-9a-fA-F:.]{1,39}$/);
      }),
    );
  });
});

describe('connections', () => {
  test('are counted over all workers: in total, and per address', () => {
    const counts = createAddresses(4);
    const limits = { ...OPEN, connectionsMax: 8, perAddressMax: 3 };
    const workers = [0, 1, 2, 3].map((worker) => openAddresses(counts, worker, limits));
    const [first, second, third, fourth] = workers as [
      (typeof workers)[0],
      (typeof workers)[0],
      (typeof workers)[0],
      (typeof workers)[0],
    ];
    expect([first, second, third].map((door) => door.arrived('192.0.2.1'))).toEqual([undefined, undefined, undefined]);
    expect(fourth.arrived('192.0.2.1')).toBe('address_full');
    expect(fourth.arrived('::ffff:192.0.2.1')).toBe('address_full');
    for (let i = 0; i < 5; i++) expect(fourth.arrived(`198.51.100.${i}`)).toBeUndefined();
    expect(first.arrived('203.0.113.1')).toBe('connections_full');
    second.gone('192.0.2.1');
    expect(first.arrived('203.0.113.1')).toBeUndefined();
    fourth.gone('198.51.100.4');
    expect(fourth.arrived('192.0.2.1')).toBeUndefined();
    expect(fourth.arrived('192.0.2.1')).toBe('connections_full');
  });

  test('that were refused do not count', () => {
    const door = openAddresses(createAddresses(1), 0, { ...OPEN, connectionsMax: 10, perAddressMax: 2 });
    for (let i = 0; i < 100; i++) door.arrived('192.0.2.1');
    for (let i = 0; i < 100; i++) door.arrived(`198.51.100.${i}`);
    door.gone('192.0.2.1');
    expect(door.arrived('192.0.2.1')).toBeUndefined();
    expect(door.arrived('192.0.2.2')).toBe('connections_full');
  });

  test('of a worker that died are taken back, and only those', () => {
    const counts = createAddresses(2);
    const limits = { ...OPEN, connectionsMax: 4, perAddressMax: 3 };
    const [dying, living] = [openAddresses(counts, 0, limits), openAddresses(counts, 1, limits)];
    expect([dying.arrived('192.0.2.1'), dying.arrived('192.0.2.1'), living.arrived('192.0.2.1')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(living.arrived('192.0.2.1')).toBe('address_full');
    forgetConnectionsOf(counts, 0);
    const successor = openAddresses(counts, 0, limits);
    expect(successor.arrived('192.0.2.1')).toBeUndefined();
    expect(living.arrived('192.0.2.1')).toBeUndefined();
    expect(living.arrived('192.0.2.1')).toBe('address_full');
    expect(successor.arrived('198.51.100.1')).toBeUndefined();
    expect(successor.arrived('198.51.100.2')).toBe('connections_full');
  });

  test('of 10,000 addresses at their limit, hardly any is refused for the sake of others', () => {
    const door = openAddresses(createAddresses(1), 0, { ...OPEN, perAddressMax: 4 });
    let refused = 0;
    for (let i = 0; i < 10_000; i++) for (let k = 0; k < 4; k++) if (door.arrived(ipOf(i)) !== undefined) refused++;
    // About 3 in 1,000 addresses share all their buckets; what is refused of those is a part of their four.
    expect(refused / 40_000).toBeLessThan(0.01);
    for (let i = 0; i < 10_000; i += 7) expect(door.arrived(ipOf(i))).toBe('address_full');
  });

  test('never exceed either limit, however four threads race, and all are taken back in the end', async () => {
    const threads = 4;
    const counts = createAddresses(threads);
    const seen = new SharedArrayBuffer(16);
    const gate = new SharedArrayBuffer(4);
    const limits = { ...OPEN, connectionsMax: 50, perAddressMax: 7 };
    const addresses = Array.from({ length: 8 }, (_, i) => ipOf(i));
    const shared = { counts, limits, gate, threads, seen, rounds: 100_000, addresses, keep: 20 };
    const taken = await Promise.all(
      Array.from({ length: threads }, async (_, worker) => {
        const data: AddressData = { ...shared, worker };
        const thread = new Worker(new URL('./addresses-worker.ts', import.meta.url), { workerData: data });
        const [[count]] = (await Promise.all([once(thread, 'message'), once(thread, 'exit')])) as [[number], unknown];
        return count;
      }),
    );
    const [left, most, leftOfOne, mostOfOne] = new Int32Array(seen) as unknown as [number, number, number, number];
    expect(most).toBeLessThanOrEqual(50);
    expect(mostOfOne).toBeLessThanOrEqual(7);
    // They race where it matters: the limits were met, or all but.
    expect([most > 45, mostOfOne > 5], `${most} and ${mostOfOne}`).toEqual([true, true]);
    expect(taken.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10_000);
    // What is counted is what is there, to the one.
    const countedAs = (max: Partial<AddressLimits>): unknown =>
      openAddresses(counts, 0, { ...OPEN, ...max }).arrived(addresses[0] as string);
    expect(countedAs({ connectionsMax: left })).toBe('connections_full');
    expect(countedAs({ perAddressMax: leftOfOne })).toBe('address_full');
    expect(countedAs({ connectionsMax: left + 1, perAddressMax: leftOfOne + 1 })).toBeUndefined();
    for (let worker = 0; worker < threads; worker++) forgetConnectionsOf(counts, worker);
    const door = openAddresses(counts, 0, { ...limits, perAddressMax: 50 });
    for (let i = 0; i < 50; i++) expect(door.arrived('192.0.2.1')).toBeUndefined();
  });
});

describe('requests without a valid token or certificate', () => {
  test('are held to a rate per address over all workers, and other addresses feel nothing', () => {
    const counts = createAddresses(2);
    const limits = { ...OPEN, unauthenticatedPerSecond: 10 };
    const doors = [openAddresses(counts, 0, limits), openAddresses(counts, 1, limits)];
    let free = 0;
    for (let ms = 0; ms < 20_000; ms += 5) {
      const door = doors[(ms / 5) % 2];
      if (door?.failed('192.0.2.1', START + ms * TICKS_PER_MS) === 0) free++;
    }
    // 10 a second for 20 s, and at most a second's worth at once before.
    expect(free).toBeGreaterThanOrEqual(195);
    expect(free).toBeLessThanOrEqual(212);
    expect(doors[0]?.failed('192.0.2.2', START)).toBe(0);
  });

  test('say when to come again, and from one IPv6 network are one', () => {
    const door = openAddresses(createAddresses(1), 0, { ...OPEN, unauthenticatedPerSecond: 1 });
    expect(door.failed('2001:db8::1', START)).toBe(0);
    expect(door.failed('2001:db8::2', START)).toBe(1000);
    expect(door.failed('2001:db8::3', START + 600 * TICKS_PER_MS)).toBe(400);
    expect(door.failed('2001:db8:0:1::1', START)).toBe(0);
  });

  test('from more addresses than are remembered count as over the limit, until some were silent', () => {
    const door = openAddresses(createAddresses(1), 0, { ...OPEN, unauthenticatedPerSecond: 10 });
    let over = 0;
    for (let i = 0; i < 40_000; i++) if (door.failed(ipOf(i), START) > 0) over++;
    expect(over).toBeGreaterThan(20_000);
    expect(door.failed(ipOf(1_000_000), START + 200 * TICKS_PER_SECOND)).toBe(0);
  });
});
