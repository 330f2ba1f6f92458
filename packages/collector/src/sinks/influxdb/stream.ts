/**
 * Batches into bodies, and bodies on their way. Owns the bodies, which are used again and again; promises that there are
 * at most four, one being filled, one with values set apart, two with the server, and that none is filled while it is
 * on its way.
 */
import { type Body, BODY_BYTES_MAX, clearBody, createBody } from './body.ts';
import type { BeginOptions, LineBatch, LineWriter } from './line-protocol.ts';

/** The server is busy with one while the next is on its way; more only makes each wait longer. */
const IN_FLIGHT_MAX = 2;
/** After so many bodies within a limit that a server has set, one twice as long is tried. */
const BODIES_PER_TRIAL = 128;

/** Who settles bodies: resolves when the memory is free again, never rejects. */
export interface BodySettler {
  settle(body: Body): Promise<void>;
  /** Anything but undefined: no more bodies are wanted. */
  readonly stop: unknown;
}

export interface LineStream {
  /** Starts a delivery. */
  begin(settler: BodySettler): void;
  /** Adds a batch; resolves when there may be another. After a stop it does nothing of use. */
  add(batch: LineBatch, options: BeginOptions): Promise<void>;
  /** Sends what is left and waits for all; more may be added afterwards. */
  drain(): Promise<void>;
  /** The server takes no longer bodies than that, now: once it has taken many, longer ones are tried again. */
  limitBodies(bytes: number): void;
}

export function createLineStream(writer: LineWriter): LineStream {
  const spare: Body[] = [];
  const inFlight = new Set<Promise<void>>();
  let bodyBytesMax = BODY_BYTES_MAX;
  let bodiesWithin = 0;
  let settler: BodySettler | undefined;
  let main: Body | undefined;
  let apart: Body | undefined;

  function takeBody(): Body {
    const body = spare.pop() ?? createBody();
    clearBody(body);
    body.bytesMax = bodyBytesMax;
    return body;
  }

  async function post(body: Body): Promise<void> {
    while (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight);
    if (body.lines === 0 || settler === undefined || settler.stop !== undefined) {
      spare.push(body);
      return;
    }
    const settling = settler;
    const settled = settling.settle(body).then(() => {
      inFlight.delete(settled);
      spare.push(body);
      if (settling.stop === undefined) growBodies();
    });
    inFlight.add(settled);
  }

  /** The limit may have been a proxy's that is gone, or another server's. */
  function growBodies(): void {
    if (bodyBytesMax === BODY_BYTES_MAX || ++bodiesWithin < BODIES_PER_TRIAL) return;
    bodiesWithin = 0;
    bodyBytesMax = Math.min(2 * bodyBytesMax, BODY_BYTES_MAX);
  }

  async function fill(body: Body): Promise<Body> {
    let filling = body;
    while (!writer.fill(filling)) {
      await post(filling);
      filling = takeBody();
      if (settler?.stop !== undefined) break;
    }
    return filling;
  }

  return {
    begin(next) {
      settler = next;
    },
    async add(batch, options) {
      const divided = writer.begin(batch, options);
      main = await fill(main ?? takeBody());
      if (!divided) return;
      writer.beginApart();
      apart = await fill(apart ?? takeBody());
    },
    async drain() {
      if (main !== undefined) await post(main);
      if (apart !== undefined) await post(apart);
      main = undefined;
      apart = undefined;
      await Promise.all(inFlight);
    },
    limitBodies(bytes) {
      bodyBytesMax = Math.min(bodyBytesMax, bytes);
      bodiesWithin = 0;
    },
  };
}
