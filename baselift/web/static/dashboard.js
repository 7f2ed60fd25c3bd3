// Times in the reader's zone, pages that stay current, logs that grow. Without this module everything is there as well.

const minute = 60, hour = 3600, day = 86400;
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function since(seconds) {
  const size = Math.abs(seconds);
  if (size < 45) return relative.format(Math.round(seconds), "second");
  if (size < 45 * minute) return relative.format(Math.round(seconds / minute), "minute");
  if (size < 22 * hour) return relative.format(Math.round(seconds / hour), "hour");
  if (size < 26 * day) return relative.format(Math.round(seconds / day), "day");
  return "";
}

function tellTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.valueOf())) continue;
    const full = absolute.format(time);
    const text = since((time - Date.now()) / 1000) || full;
    if (element.textContent !== text) element.textContent = text;
    element.title = full;
  }
}

// A part of the page is replaced when it differs in more than its times and the marks of its forms.
function essence(element) {
  const copy = element.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) { time.textContent = time.dateTime; time.removeAttribute("title"); }
  for (const field of copy.querySelectorAll('input[type="hidden"]')) field.remove();
  return copy.innerHTML;
}

function take(fresh) {
  document.title = fresh.title;
  const parts = [...document.querySelectorAll("[data-live]")], news = [...fresh.querySelectorAll("[data-live]")];
  const names = (list) => list.map((part) => part.dataset.live).join();
  if (names(parts) !== names(news)) {
    if (document.querySelector("[data-log]")) return takeOne(parts, news);
    const [main, next] = [document.querySelector("main"), fresh.querySelector("main")];
    main.replaceChildren(...next.childNodes);
  } else {
    takeOne(parts, news);
  }
  tellTimes();
}

function takeOne(parts, news) {
  for (const part of parts) {
    const next = news.find((other) => other.dataset.live === part.dataset.live);
    if (!next) continue;
    if (essence(part) === essence(next) || part.contains(document.activeElement)) continue;
    part.className = next.className;
    part.replaceChildren(...next.childNodes);
  }
}

async function refresh(seconds) {
  if (document.visibilityState === "visible") {
    try {
      const answer = await fetch(location.href, { headers: { "X-Baselift-Refresh": "1" }, cache: "no-store" });
      if (answer.ok && (answer.headers.get("content-type") || "").startsWith("text/html")) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        take(fresh);
        seconds = Number(fresh.body.dataset.refresh || 0);
      }
    } catch { /* the app is away: the next look may find it */ }
  }
  if (seconds) setTimeout(() => refresh(seconds), seconds * 1000);
}

// The log: what is there is shown, what comes is added, and the reader's place stays unless the end is followed.
const MOST = 20000;

function follow(log) {
  const box = document.querySelector(".follow"), check = box?.querySelector("input");
  const bottom = () => { if (!check || check.checked) log.scrollTop = log.scrollHeight; };
  if (box && !("complete" in log.dataset)) box.hidden = false;
  if (!location.search.includes("from=")) bottom();
  log.addEventListener("wheel", () => { if (check) check.checked = log.scrollHeight - log.scrollTop - log.clientHeight < 40; }, { passive: true });
  check?.addEventListener("change", bottom);
  let pause = 500;

  async function more() {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(`${log.dataset.log}?from=${log.dataset.end}`, { cache: "no-store" });
        if (answer.ok) {
          const piece = await answer.json();
          pause = piece.lines.length ? 400 : Math.min(pause * 1.4, 3000);
          add(piece);
          if (piece.complete) { log.dataset.complete = ""; box?.setAttribute("hidden", ""); return; }
        }
      } catch { pause = 3000; }
    }
    setTimeout(more, pause);
  }

  function add(piece) {
    if (!piece.lines.length) { log.dataset.end = piece.end; return; }
    document.querySelector(".waiting")?.remove();
    document.querySelector(".later")?.remove();
    const lines = document.createElement("template");
    // The server has escaped every line; a line is text and spans with classes.
    lines.innerHTML = piece.lines.map((line) => `<span>${line}\n</span>`).join("");
    log.append(lines.content);
    while (log.childElementCount > MOST) log.firstElementChild.remove();
    log.dataset.end = piece.end;
    bottom();
  }

  if (!("complete" in log.dataset) && !document.querySelector(".later")) more();
}

// The graph: it moves and grows under the pointer and the keys, and shows what hangs together.
function picture(canvas) {
  const svg = canvas.querySelector("svg"), whole = svg.viewBox.baseVal;
  const full = { x: whole.x, y: whole.y, w: whole.width, h: whole.height };
  canvas.classList.add("live");
  const fill = Math.min(1.15, Math.max(canvas.clientWidth / full.w, .55));
  canvas.style.height = `${Math.round(Math.min(.74 * innerHeight, Math.max(180, full.h * fill)))}px`;
  const fit = () => {
    const scale = Math.min(1.15, Math.max(canvas.clientWidth / full.w, .55), Math.max(canvas.clientHeight / full.h, .55));
    const [w, h] = [canvas.clientWidth / scale, canvas.clientHeight / scale];
    return { x: w > full.w ? (full.w - w) / 2 : 0, y: h > full.h ? (full.h - h) / 2 : 0, w, h };
  };
  let view = fit();
  const place = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const focused = svg.querySelector(".node.focus rect");
  if (focused && full.h > view.h) view.y = focused.y.baseVal.value - view.h / 2;
  place();
  const zoom = (factor, px = .5, py = .5) => {
    const w = Math.min(Math.max(view.w * factor, 200), Math.max(full.w, full.h) * 4), h = view.h * w / view.w;
    view = { x: view.x + (view.w - w) * px, y: view.y + (view.h - h) * py, w, h };
    place();
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey || Math.abs(event.deltaY) >= 100) {
      zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, (event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height);
    } else {
      view.x += event.deltaX * view.w / box.width; view.y += event.deltaY * view.h / box.height; place();
    }
  }, { passive: false });
  const held = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => { held.set(event.pointerId, event); moved = 0; });
  canvas.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const scale = view.w / canvas.clientWidth;
    if (held.size === 2) {
      const [other] = [...held.values()].filter((each) => each.pointerId !== event.pointerId);
      const span = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY) || 1;
      zoom(span(last) / span(event));
    } else {
      const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved > 4) { canvas.setPointerCapture(event.pointerId); canvas.classList.add("moving"); }
      view.x -= dx * scale; view.y -= dy * scale; place();
    }
    held.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => { held.delete(event.pointerId); canvas.classList.remove("moving"); });
  canvas.addEventListener("click", (event) => { if (moved > 4) { event.preventDefault(); event.stopPropagation(); } }, true);
  canvas.addEventListener("dragstart", (event) => event.preventDefault());
  canvas.addEventListener("keydown", (event) => {
    const step = view.w / 10, keys = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (keys[event.key]) { view.x += keys[event.key][0]; view.y += keys[event.key][1]; place(); }
    else if (event.key === "+" || event.key === "=") zoom(1 / 1.2);
    else if (event.key === "-") zoom(1.2);
    else if (event.key === "0") { view = fit(); place(); }
    else return;
    event.preventDefault();
  });
  // Not on the picture itself: with such a listener it would take the focus too.
  canvas.addEventListener("focusin", (event) => {
    const box = event.target.querySelector?.("rect");
    if (!box || !event.target.matches(":focus-visible")) return;
    const [x, y] = [box.x.baseVal.value, box.y.baseVal.value];
    if (x < view.x || x + 200 > view.x + view.w) view.x = x - view.w / 2;
    if (y < view.y || y + 40 > view.y + view.h) view.y = y - view.h / 2;
    place();
  });
  trace(svg);
  find(svg);
}

function trace(svg) {
  const nodes = new Map([...svg.querySelectorAll(".node")].map((node) => [node.dataset.key, node]));
  const arcs = [...svg.querySelectorAll(".arc")];
  const reach = (key, from, to, seen) => {
    for (const arc of arcs) {
      if (arc.dataset[from] !== key) continue;
      arc.classList.add("traced");
      const next = arc.dataset[to];
      if (!seen.has(next)) { seen.add(next); nodes.get(next)?.classList.add("traced"); reach(next, from, to, seen); }
    }
  };
  const clear = () => { svg.classList.remove("tracing"); for (const each of svg.querySelectorAll(".traced")) each.classList.remove("traced"); };
  for (const [key, node] of nodes) {
    const show = () => { clear(); svg.classList.add("tracing"); node.classList.add("traced"); reach(key, "tail", "head", new Set([key])); reach(key, "head", "tail", new Set([key])); };
    node.addEventListener("pointerenter", show);
    node.addEventListener("focus", show);
    node.addEventListener("pointerleave", clear);
    node.addEventListener("blur", clear);
    node.addEventListener("dblclick", () => { if (node.dataset.task) location.href = node.dataset.task; });
  }
}

function find(svg) {
  const field = document.querySelector("[data-find]");
  field?.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    svg.classList.toggle("finding", Boolean(wanted));
    for (const node of svg.querySelectorAll(".node")) {
      node.classList.toggle("lit", Boolean(wanted) && `${node.dataset.key} ${node.textContent}`.toLowerCase().includes(wanted));
    }
  });
}

const canvas = document.querySelector("[data-canvas]");
if (canvas) picture(canvas);

tellTimes();
setInterval(() => tellTimes(), 10000);
const seconds = Number(document.body.dataset.refresh || 0);
if (seconds) setTimeout(() => refresh(seconds), seconds * 1000);
const log = document.querySelector("[data-log]");
if (log) follow(log);
