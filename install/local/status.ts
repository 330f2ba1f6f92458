/** Reads the JSON at `/status` of an admin listener, over real HTTP, with a timeout. */
import { setTimeout as delay } from 'node:timers/promises';

const timeoutMs = 2000;
const steadyTriesMax = 200;
const steadyEveryMs = 50;

/** Resolves with the parsed status of the program whose admin listener is at `address` (host:port). */
export async function readStatus(address: string): Promise<unknown> {
  const response = await fetch(`http://${address}/status`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`http://${address}/status answered ${response.status}`);
  return response.json();
}

/**
 * Reads what should not change until `key` of two readings agrees: a status is gathered from several threads, and one
 * reading may fall between two of them. An undefined key is not ready yet. Resolves with the last reading when they
 * never agree, after some ten seconds.
 */
export async function steady<T>(read: () => Promise<T>, key: (reading: T) => number | undefined): Promise<T> {
  let latest = await read();
  for (let tries = 0; tries < steadyTriesMax; tries++) {
    await delay(steadyEveryMs);
    const next = await read();
    if (key(next) !== undefined && key(next) === key(latest)) return next;
    latest = next;
  }
  return latest;
}
