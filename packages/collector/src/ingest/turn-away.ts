/**
 * What is said no to at the head, and who may say more than that. Owns asking who a request comes from, and promises that
 * whoever is not let in is told nothing else, and that every no has its counter.
 */
import type { Counters } from '@metricstream/shared/counters.ts';
import { type Log, silentLog } from '@metricstream/shared/log.ts';
import { type Auth, type Identity, isDoubt } from '../admission/auth.ts';
import type { Answer, Exchange } from '../http/types.ts';
import type { RefusedReason, RejectedReason } from './counters.ts';
import { formOf, type Particulars, type Refusals } from './refusals.ts';

export interface TurnAway {
  /** @returns who it is, or what to answer. Call it while the exchange has its headers. */
  identify(exchange: Exchange): Identity | Answer;
  /** It is somebody, but not this client. The log names both: whoever runs the host asks here why nothing comes. */
  forbidden(exchange: Exchange, who: Identity, clientId: string): Answer;
  /** These bytes are never taken. */
  rejected(exchange: Exchange, reason: RejectedReason, particulars?: Particulars): Answer;
  /** They may come again later. */
  refused(exchange: Exchange, no: { reason: RefusedReason; waitMs: number }): Answer;
}

export interface TurnAwayOptions {
  auth: Auth;
  counters: Counters<string>;
  refusals: Refusals;
  /** One that holds back repetitions. */
  log?: Log | undefined;
}

export function createTurnAway({ auth, counters, refusals, log = silentLog }: TurnAwayOptions): TurnAway {
  const formFor = (exchange: Exchange) => formOf(exchange.header('accept'));

  function rejected(exchange: Exchange, reason: RejectedReason, particulars?: Particulars): Answer {
    counters.add(`rejected_${reason}`, 1);
    return refusals.rejected(reason, formFor(exchange), particulars);
  }

  function refused(exchange: Exchange, { reason, waitMs }: { reason: RefusedReason; waitMs: number }): Answer {
    counters.add(`refused_${reason}`, 1);
    return refusals.refused(reason, formFor(exchange), waitMs);
  }

  return {
    identify(exchange) {
      const who = auth.identify(exchange);
      if (!isDoubt(who)) return who;
      const { reason, detail, waitMs, close } = who;
      const answer =
        reason === 'unauthenticated' ? rejected(exchange, reason, { detail }) : refused(exchange, { reason, waitMs });
      return close ? { ...answer, close } : answer;
    },
    forbidden(exchange, { name }, clientId) {
      log.warn('auth: refused, the token or certificate is not for this client_id', {
        address: exchange.peer.ip,
        client_id: clientId,
        name,
      });
      return rejected(exchange, 'forbidden');
    },
    rejected,
    refused,
  };
}

export function isAnswer(found: Identity | Answer): found is Answer {
  return 'status' in found;
}
