// Preload of benchmarks only: node -r ./azurite-fast.js <azurite.js>   (AZURITE_ROOT = dir holding node_modules)
// Gives Azurite 3.35 the complexity of the real service for the operations we use:
//   table point ops O(1) instead of O(partition); partition/RowKey-range pages O(log k + page) instead of O(all rows in table);
//   replace/merge in place instead of O(table) index rewrite; queue receive/delete O(log M) instead of O(M log M) with 4 index rebuilds;
//   in-memory queue extent GC no longer quadratic.
"use strict";
const path = require("path");
const root = path.join(process.env.AZURITE_ROOT || process.cwd(), "node_modules");
const version = require(path.join(root, "azurite/package.json")).version;
if (version !== "3.35.0") throw new Error(`azurite-fast.js changes the insides of Azurite 3.35.0, and this is ${version}`);
const dist = path.join(root, "azurite/dist/src");
const Loki = require(path.join(root, "lokijs"));
const LTS = require(path.join(dist, "table/persistence/LokiTableMetadataStore")).default;
const LQS = require(path.join(dist, "queue/persistence/LokiQueueMetadataStore")).default;
const LEX = require(path.join(dist, "common/persistence/LokiExtentMetadataStore")).default;
const QGen = require(path.join(dist, "table/persistence/LokiTableStoreQueryGenerator")).default;
const TErr = require(path.join(dist, "table/errors/StorageErrorFactory")).default;
const QErr = require(path.join(dist, "queue/errors/StorageErrorFactory")).default;

// ---- loki: removing an empty batch must not rebuild every index
const rb = Loki.Collection.prototype.removeBatch;
Loki.Collection.prototype.removeBatch = function (b) { if (b.length) return b.length === 1 ? void this.remove(b[0]) : rb.call(this, b); };

// ---- tables -------------------------------------------------------------------------------------------------
function tix(coll) {
  if (coll.__ix) return coll.__ix;
  coll.binaryIndices = {};                       // nothing uses them any more
  const ix = { parts: new Map(), pkeys: null };
  Object.defineProperty(coll, "__ix", { value: ix, enumerable: false });   // not serialised
  const part = pk => { let p = ix.parts.get(pk); if (!p) { ix.parts.set(pk, (p = { m: new Map(), s: [] })); if (ix.pkeys) { const n = ix.pkeys.length; if (!n || pk > ix.pkeys[n - 1]) ix.pkeys.push(pk); else ix.pkeys.splice(lower(ix.pkeys, pk), 0, pk); } } return p; };
  ix.add = d => { const p = part(d.PartitionKey); p.m.set(d.RowKey, d); if (p.s) { if (!p.s.length || d.RowKey > p.s[p.s.length - 1]) p.s.push(d.RowKey); else p.s = null; } };
  ix.del = d => { const p = ix.parts.get(d.PartitionKey); if (!p) return; p.m.delete(d.RowKey);
    if (!p.m.size) { ix.parts.delete(d.PartitionKey); if (ix.pkeys) { const i = lower(ix.pkeys, d.PartitionKey); if (ix.pkeys[i] === d.PartitionKey) ix.pkeys.splice(i, 1); } } else if (p.s) { const i = lower(p.s, d.RowKey); if (p.s[i] === d.RowKey) p.s.splice(i, 1); } };
  for (const d of coll.data) ix.add(d);
  const ins = coll.insertOne.bind(coll), rem = coll.remove.bind(coll), upd = coll.update.bind(coll), fo = coll.findOne.bind(coll);
  const def = (n, f) => Object.defineProperty(coll, n, { value: f, enumerable: false, configurable: true });
  def("insertOne", (d, b) => { const r = ins(d, b); if (r) ix.add(r); return r; });
  def("remove", d => { if (Array.isArray(d)) { d.forEach(x => coll.remove(x)); return; } ix.del(d); return rem(d); });
  def("update", d => { if (Array.isArray(d)) return d.forEach(x => coll.update(x)); const r = upd(d); const p = part(d.PartitionKey); p.m.set(d.RowKey, r || d); return r; });
  def("findOne", q => { if (q && typeof q.PartitionKey === "string" && typeof q.RowKey === "string" && Object.keys(q).length === 2) {
      const p = ix.parts.get(q.PartitionKey); return (p && p.m.get(q.RowKey)) || null; } return fo(q); });
  return ix;
}
function lower(a, v) { let lo = 0, hi = a.length; while (lo < hi) { const m = (lo + hi) >> 1; if (a[m] < v) lo = m + 1; else hi = m; } return lo; }
const gec = LTS.prototype.getEntityCollection;
LTS.prototype.getEntityCollection = function (...a) { const c = gec.apply(this, a); tix(c); return c; };
const upd0 = LTS.prototype.updateTableEntity;
LTS.prototype.updateTableEntity = async function (ctx, table, account, entity, ifMatch, batchId) {
  if (batchId) return upd0.call(this, ctx, table, account, entity, ifMatch, batchId);   // keep rollback semantics in batches
  const coll = this.getEntityCollection(account, table, ctx), doc = coll.findOne({ PartitionKey: entity.PartitionKey, RowKey: entity.RowKey });
  if (!doc) throw TErr.getEntityNotFound(ctx);
  if (ifMatch !== undefined && ifMatch !== "*" && this.encodeIfMatch(doc.eTag) !== this.encodeIfMatch(ifMatch)) throw TErr.getPreconditionFailed(ctx);
  entity.properties.Timestamp = entity.lastModifiedTime; entity.properties["Timestamp@odata.type"] = "Edm.DateTime";
  entity.$loki = doc.$loki; entity.meta = doc.meta; coll.update(entity); return entity;
};
const STR = "'((?:[^']|'')*)'";
const RXP = new RegExp(`PartitionKey (eq|ge|gt|lt|le) ${STR}`, "g"), RXR = new RegExp(`RowKey (eq|ge|gt|lt|le) ${STR}`, "g");
function bounds(f, rx) { let lo = "", hi; for (const x of f.matchAll(rx)) { const v = x[2].replace(/''/g, "'"), o = x[1]; if ((o === "ge" || o === "gt" || o === "eq") && v > lo) lo = v; if (o !== "ge" && o !== "gt" && (hi === undefined || v < hi)) hi = v; } return [lo, hi]; }
const cmp = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
LTS.prototype.queryTableEntities = async function (ctx, account, table, opt, npk, nrk) {
  const coll = this.getEntityCollection(account, table, ctx), ix = tix(coll), f = (opt.filter || "").trim();
  const where = QGen.generateQueryForPersistenceLayer(opt, ctx), max = this.getMaxResultsOption(opt), out = [];
  const simple = !/\b(or|not)\b/i.test(f.replace(/'(?:[^']|'')*'/g, "''"));       // only a plain conjunction narrows the scan
  let [plo, phi] = simple ? bounds(f, RXP) : ["", undefined]; const [rlo, rhi] = simple ? bounds(f, RXR) : ["", undefined];
  const cpk = npk !== undefined ? this.decodeContinuationHeader(npk) : undefined, crk = nrk !== undefined ? this.decodeContinuationHeader(nrk) : undefined;
  if (cpk !== undefined && cpk > plo) plo = cpk;
  let pks;
  if (phi !== undefined && phi === plo) pks = [plo];
  else { if (!ix.pkeys) ix.pkeys = [...ix.parts.keys()].sort(cmp); pks = ix.pkeys; }
  for (let j = pks.length === 1 ? 0 : lower(pks, plo); j < pks.length && out.length <= max; j++) {
    const pk = pks[j]; if (phi !== undefined && pk > phi) break;
    const part = ix.parts.get(pk); if (!part) continue;
    if (!part.s) part.s = [...part.m.keys()].sort(cmp);
    const from = pk === cpk && crk !== undefined && crk > rlo ? crk : rlo;
    for (let i = lower(part.s, from); i < part.s.length && out.length <= max; i++) { const k = part.s[i]; if (rhi !== undefined && k > rhi) break; const d = part.m.get(k); if (where(d)) out.push(d); }
  }
  const r = this.adjustQueryResultforTop(out, max);
  return [out, r.nextPartitionKeyResponse, r.nextRowKeyResponse];
};

// ---- queues: per-queue id map + heap on (timeNextVisible, $loki) with lazy deletion ------------------------------
function qix(store) {
  const coll = store.db.getCollection(store.MESSAGES_COLLECTION);
  if (coll.__q) return coll.__q;
  coll.binaryIndices = {};
  const Q = new Map();
  const get = (a, n) => { const k = a + "\0" + n; let q = Q.get(k); if (!q) Q.set(k, (q = { id: new Map(), h: [] })); return q; };
  Object.defineProperty(coll, "__q", { value: { coll, get, Q }, enumerable: false });
  for (const d of coll.data) { const q = get(d.accountName, d.queueName); q.id.set(d.messageId, d); push(q.h, [+d.timeNextVisible, d.$loki, d]); }
  return coll.__q;
}
const less = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
function push(h, e) { h.push(e); let i = h.length - 1; while (i) { const p = (i - 1) >> 1; if (!less(h[i], h[p])) break; [h[i], h[p]] = [h[p], h[i]]; i = p; } }
function pop(h) { const t = h[0], l = h.pop(); if (h.length) { h[0] = l; let i = 0; for (;;) { let c = 2 * i + 1; if (c >= h.length) break; if (c + 1 < h.length && less(h[c + 1], h[c])) c++; if (!less(h[c], h[i])) break; [h[i], h[c]] = [h[c], h[i]]; i = c; } } return t; }
const alive = (q, e) => q.id.get(e[2].messageId) === e[2] && +e[2].timeNextVisible === e[0];
const P = LQS.prototype;
P.insertMessage = async function (m, ctx) {
  this.checkQueueExist(m.accountName, m.queueName, ctx); const s = this.messageCopy(m); s.timeNextVisible = s.timeNextVisible.getTime();
  const x = qix(this), d = x.coll.insert(s), q = x.get(m.accountName, m.queueName); q.id.set(d.messageId, d); push(q.h, [d.timeNextVisible, d.$loki, d]);
};
function take(store, account, queue, n, now) {
  const x = qix(store), q = x.get(account, queue), got = [];
  while (q.h.length && got.length < n && q.h[0][0] <= now) { const e = pop(q.h); if (!alive(q, e)) continue; if (+e[2].expirationTime <= Date.now()) { q.id.delete(e[2].messageId); x.coll.remove(e[2]); continue; } got.push(e); }
  return [q, got, x];
}
P.getMessages = async function (account, queue, tnv, pop_, n, date, ctx) {
  this.checkQueueExist(account, queue, ctx); const [q, got, x] = take(this, account, queue, n || 1, (date || new Date()).getTime()), res = [];
  for (const e of got) { const d = e[2]; d.timeNextVisible = tnv.getTime(); d.popReceipt = pop_; d.dequeueCount = Number(d.dequeueCount) + 1; push(q.h, [d.timeNextVisible, d.$loki, d]); res.push(this.messageCopy(d)); }
  if (got.length) x.coll.dirty = true; return res;
};
P.peekMessages = async function (account, queue, n, date, ctx) {
  this.checkQueueExist(account, queue, ctx); const [q, got] = take(this, account, queue, n || 1, (date || new Date()).getTime()); got.forEach(e => push(q.h, e)); return got.map(e => this.messageCopy(e[2]));
};
P.deleteMessage = async function (account, queue, id, receipt, ctx) {
  this.checkQueueExist(account, queue, ctx); const x = qix(this), q = x.get(account, queue), d = q.id.get(id), rid = ctx && ctx.contextID;
  if (!d) throw QErr.getMessageNotFound(rid); if (d.popReceipt !== receipt) throw QErr.getPopReceiptMismatch(rid); q.id.delete(id); x.coll.remove(d);
};
P.updateMessage = async function (m, receipt, ctx) {
  this.checkQueueExist(m.accountName, m.queueName, ctx); const x = qix(this), q = x.get(m.accountName, m.queueName), d = q.id.get(m.messageId), rid = ctx && ctx.contextID;
  if (!d) throw QErr.getMessageNotFound(rid); if (d.popReceipt !== receipt) throw QErr.getPopReceiptMismatch(rid);
  d.popReceipt = m.popReceipt; d.timeNextVisible = m.timeNextVisible.getTime(); if (m.persistency !== undefined) d.persistency = m.persistency; x.coll.dirty = true; push(q.h, [d.timeNextVisible, d.$loki, d]);
};
P.getMessagesCount = async function (account, queue, ctx) { this.checkQueueExist(account, queue, ctx); return qix(this).get(account, queue).id.size; };
P.clearExpiredMessages = async function () {};
const clr = P.clearMessages; P.clearMessages = async function (a, n, ctx) { const q = qix(this); await clr.call(this, a, n, ctx); q.Q.delete(a + "\0" + n); };
const dq = P.deleteQueue; P.deleteQueue = async function (a, n, ctx) { const q = qix(this); await dq.call(this, a, n, ctx); q.Q.delete(a + "\0" + n); };

// ---- extents: id map instead of three binary indices (in-memory mode keeps ONE extent per message/blob write); yield to the event loop ---------
let k = 0;
function eix(store) {
  const c = store.db.getCollection(store.EXTENTS_COLLECTION); if (c.__m) return c; c.binaryIndices = {};
  Object.defineProperty(c, "__m", { value: new Map(c.data.map(d => [d.id, d])), enumerable: false }); return c;
}
LEX.prototype.updateExtent = async function (e) {
  const c = eix(this), d = c.__m.get(e.id);
  if (!d) { e.LastModifyInMS = e.lastModifiedInMS; c.__m.set(e.id, c.insert(e)); return; }
  d.size = e.size; d.LastModifyInMS = e.lastModifiedInMS; c.dirty = true;
};
LEX.prototype.getExtentLocationId = async function (id) { const d = eix(this).__m.get(id); return d.locationId; };
LEX.prototype.deleteExtent = async function (id) { const c = eix(this), d = c.__m.get(id); if (d) { c.__m.delete(id); c.remove(d); } if (++k % 50 === 0) await new Promise(r => setImmediate(r)); };
