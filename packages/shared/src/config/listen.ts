/**
 * Addresses to listen on: `127.0.0.1:7440`, `[::1]:7440`, `localhost:0`. Pure.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';

export interface ListenAddress {
  /** An IP address without brackets, or a host name. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

type Read = { ok: true; value: ListenAddress } | { ok: false; what: string };

const HOST_NAME = /^(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$/;

/** Reads `host:port`; both are needed, since an address that was left out must not mean "every interface". */
export function parseListen(text: string): Read {
  const colon = text.lastIndexOf(':');
  const quoted = JSON.stringify(text.slice(0, 80));
  if (colon === -1) return { ok: false, what: `${quoted} has no port` };
  const portText = text.slice(colon + 1);
  const hostText = text.slice(0, colon);
  if (isIPv6(text) || (hostText.includes(':') && !hostText.startsWith('[')))
    return { ok: false, what: `${quoted} is an IPv6 address without [ ] or without a port` };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= 65_535)) return { ok: false, what: `"${portText.slice(0, 40)}" is not a port from 0 to 65535` };
  if (hostText === '') return { ok: false, what: `${quoted} has no address (0.0.0.0 is every IPv4 interface)` };
  const bracketed = hostText.startsWith('[') && hostText.endsWith(']');
  const host = bracketed ? hostText.slice(1, -1) : hostText;
  const wrong = bracketed ? !isIPv6(host) : isIP(host) === 0 && (!HOST_NAME.test(host) || /^[\d.]+$/.test(host));
  if (wrong) return { ok: false, what: `"${hostText.slice(0, 80)}" is no address or host name` };
  return { ok: true, value: { host, port } };
}

/** @returns `host:port` as a person would write it. */
export function listenText({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @returns whether only this machine can reach the address. A host name other than localhost counts as reachable. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost' || host === '::1') return true;
  if (isIPv4(host)) return host.startsWith('127.');
  return /^::ffff:127\./i.test(host);
}
