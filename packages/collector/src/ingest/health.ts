/**
 * /healthz and /readyz of the ingest port, for a load balancer that sees no other. Owns both answers; nobody is asked
 * who he is, and nothing is told but yes or no: the reasons are on the admin port.
 */
import { plain } from '../http/responses.ts';
import type { Answer, Exchange } from '../http/types.ts';

const UP = plain(200, 'up');
const READY = plain(200, 'ready');
const NOT_READY = plain(503, 'not ready', { 'Retry-After': '2' });
const ONLY_GET = plain(405, 'GET and HEAD only', { Allow: 'GET, HEAD' });

/** @returns the answer, or undefined when the request is for another path. */
export function healthAnswer({ path, method }: Exchange, isReady: () => boolean): Answer | undefined {
  const asksUp = path === '/healthz';
  if (!asksUp && path !== '/readyz') return undefined;
  if (method !== 'GET' && method !== 'HEAD') return ONLY_GET;
  return asksUp ? UP : isReady() ? READY : NOT_READY;
}
