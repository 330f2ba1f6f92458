/**
 * The names in a client's certificate that may be a client_id. Pure. Promises that nothing but a whole name of the right
 * form comes out, however the certificate is written: no wildcard, no part of a quoted value, no second common name.
 */
import type { X509Certificate } from 'node:crypto';
import type { TlsMaterial } from './tls.ts';
import type { Certified } from './types.ts';

const NAME = /^[A-Za-z0-9._:-]{1,128}$/;
const NAMES_MAX = 100;
/** Of subjectAltName; others (email, directory names) are no names of a host. */
const KINDS = new Set(['DNS', 'URI', 'IP Address']);

/** @returns whom it names; undefined when it is not valid now: a resumed session may have outlived its certificate. */
export function certifiedBy(
  certificate: X509Certificate,
  clientId: TlsMaterial['clientId'],
  nowUnixMs: number,
): Certified | undefined {
  const untilUnixMs = certificate.validToDate.getTime();
  if (nowUnixMs > untilUnixMs || nowUnixMs < certificate.validFromDate.getTime()) return undefined;
  return { names: namesIn(certificate, clientId), untilUnixMs };
}

function namesIn(certificate: X509Certificate, clientId: TlsMaterial['clientId']): string[] {
  if (clientId === 'san') return alternativeNames(certificate.subjectAltName ?? '');
  const { CN: name } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  return typeof name === 'string' && NAME.test(name) ? [name] : [];
}

/** @param text as node writes it: `DNS:a, URI:"one, that, needs, quotes"`. What is quoted is no name here. */
export function alternativeNames(text: string): string[] {
  const names: string[] = [];
  let at = 0;
  while (at < text.length && names.length < NAMES_MAX) {
    const colon = text.indexOf(':', at);
    if (colon < 0) break;
    const end = text[colon + 1] === '"' ? quoteEnd(text, colon + 2) : plainEnd(text, colon);
    const name = text.slice(colon + 1, end);
    if (KINDS.has(text.slice(at, colon)) && NAME.test(name)) names.push(name);
    at = end + ', '.length;
  }
  return names;
}

function plainEnd(text: string, from: number): number {
  const end = text.indexOf(', ', from);
  return end < 0 ? text.length : end;
}

/** The index after the quote that ends a JSON string. */
function quoteEnd(text: string, from: number): number {
  let i = from;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}
