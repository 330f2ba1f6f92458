/** What a programmer would write for one thread: three token buckets and counters per client, in a Map. The admission bench's peer. */
import type { ClientLimits } from '../src/admission/limits.ts';

interface Buckets {
  atMs: number;
  requests: number;
  bytes: number;
  points: number;
  accepted: number;
  bytesSum: number;
  pointsSum: number;
}

/** @returns a function that takes one request. @throws Error at a limit. */
export function bucketsInMap(limits: ClientLimits): (clientId: string, bytes: number, points: number) => void {
  const clients = new Map<string, Buckets>();
  const burst = limits.burstMs / 1000;
  const full = (perSecond: number): number => perSecond * burst;

  function bucketsOf(clientId: string, atMs: number): Buckets {
    const known = clients.get(clientId);
    if (known) return known;
    const [requests, bytes, points] = [
      full(limits.requestsPerSecond),
      full(limits.bytesPerSecond),
      full(limits.pointsPerSecond),
    ];
    const made = { atMs, requests, bytes, points, accepted: 0, bytesSum: 0, pointsSum: 0 };
    clients.set(clientId, made);
    return made;
  }

  return (clientId, bytes, points) => {
    const now = performance.now();
    const client = bucketsOf(clientId, now);
    const seconds = (now - client.atMs) / 1000;
    client.atMs = now;
    client.requests = Math.min(full(limits.requestsPerSecond), client.requests + seconds * limits.requestsPerSecond);
    client.bytes = Math.min(full(limits.bytesPerSecond), client.bytes + seconds * limits.bytesPerSecond);
    client.points = Math.min(full(limits.pointsPerSecond), client.points + seconds * limits.pointsPerSecond);
    if (client.requests < 1 || client.bytes < bytes || client.points < 0) throw new Error('the peer came to a limit');
    client.requests -= 1;
    client.bytes -= bytes;
    client.points -= points;
    client.accepted += 1;
    client.bytesSum += bytes;
    client.pointsSum += points;
  };
}
