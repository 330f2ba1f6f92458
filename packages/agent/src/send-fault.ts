/**
 * Why a request got no answer, in words that name the collector and the option that matters. Owns which faults are
 * matters of the configuration (`halt`) and which pass by themselves (`retry`). Pure.
 */
import { isIP } from 'node:net';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { TlsFiles } from './tls-files.ts';

/** Of what a certificate says, in a reason. */
const NAMES_CHARS_MAX = 200;

export interface FaultContext {
  url: string;
  timeoutMs: number;
  tls: TlsFiles;
  /** Something has answered an earlier request: it speaks what we speak. */
  answeredBefore: boolean;
}

export interface SendFault {
  kind: 'retry' | 'halt';
  why: string;
}

export function faultOf(error: unknown, context: FaultContext): SendFault {
  const code = codeOf(error);
  const misfit = misfitOf(code, error, context);
  if (misfit !== undefined) return { kind: 'halt', why: `${context.url}: ${misfit}` };
  const words = networkWords(code, context);
  const hint = CLOSED.has(code) && !context.answeredBefore ? closedHint(context) : '';
  return { kind: 'retry', why: `${context.url}: ${words ?? messageOf(error)}${hint}` };
}

/** The connection ended, by the other side or on the way. */
const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** @returns whether the connection ended before an answer: what a server does to an idle one while a request is on its way. */
export function wasClosed(error: unknown): boolean {
  return CLOSED.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function networkWords(code: string, { timeoutMs }: FaultContext): string | undefined {
  const words: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'no such host name',
    EAI_AGAIN: 'the host name cannot be looked up now',
    ECONNRESET: 'the connection was reset',
    EPIPE: 'the connection was closed while sending',
    UND_ERR_SOCKET: 'the connection was closed before the answer',
    UND_ERR_CONNECT_TIMEOUT: `no connection within ${timeoutMs} ms`,
    UND_ERR_HEADERS_TIMEOUT: `no answer within ${timeoutMs} ms`,
    UND_ERR_BODY_TIMEOUT: `the answer stopped for ${timeoutMs} ms`,
  };
  return words[code];
}

/** A server that wants TLS, or a certificate, may end the connection without a word. */
function closedHint({ url, tls }: FaultContext): string {
  if (new URL(url).protocol === 'http:') return '; if the collector speaks TLS there, use https:// in collector.url';
  if (tls.certFile === '')
    return '; if it asks for a client certificate, set collector.tls.cert_file and collector.tls.key_file';
  return '; perhaps it does not accept the certificate of collector.tls.cert_file';
}

/** Verification codes of OpenSSL for a chain that leads to no CA that is trusted. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'CERT_CHAIN_TOO_LONG',
  'INVALID_CA',
]);

/** @returns what does not fit between this agent's configuration and the collector, or undefined. */
function misfitOf(code: string, error: unknown, { url, tls, answeredBefore }: FaultContext): string | undefined {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || code === 'EPROTO')
    return 'the collector does not speak TLS there; use http:// in collector.url, or switch tls on in the collector';
  if (!answeredBefore && error instanceof Error && error.name === 'HTTPParserError')
    return 'what answers there is not HTTP; if the collector speaks TLS there, use https:// in collector.url';
  if (UNTRUSTED.has(code)) {
    const trusted = tls.caFile === '' ? "this system's CAs" : `any CA in ${tls.caFile}`;
    return `its certificate is not signed by ${trusted}; set collector.tls.ca_file to the CA of the collector`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const hostname = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const names = namesOf(error);
    const called = isIP(hostname) === 0 ? 'name' : 'address';
    return `its certificate is not for the ${called} ${hostname} but for ${names}; use one of those in collector.url`;
  }
  if (code === 'CERT_HAS_EXPIRED')
    return "its certificate has expired; renew it in the collector's tls.cert_file, or set this host's clock";
  if (code === 'CERT_NOT_YET_VALID')
    return "its certificate is not valid yet; set this host's clock, or the collector's";
  if (/ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code))
    return "it speaks no version of TLS that this agent does; see tls.min_version of the collector's file";
  if (/ALERT_(CERTIFICATE|BAD_CERT|UNKNOWN_CA|UNSUPPORTED_CERT|HANDSHAKE_FAILURE|ACCESS_DENIED)/.test(code))
    return clientMisfit(tls);
  return undefined;
}

function clientMisfit({ certFile }: TlsFiles): string {
  if (certFile === '')
    return 'it asks for a client certificate; set collector.tls.cert_file and collector.tls.key_file';
  return `it does not accept the certificate in ${certFile}: expired, or not signed by its tls.client_ca_file; see collector.tls.cert_file`;
}

/** The names a certificate is for, cleaned: they come from afar. */
function namesOf(error: unknown): string {
  const { cert } = error as { cert?: { subjectaltname?: string } };
  const names = (cert?.subjectaltname ?? '').replaceAll(/[^\x20-\x7e]+/g, ' ');
  return names === '' ? 'no name at all' : names.slice(0, NAMES_CHARS_MAX);
}
