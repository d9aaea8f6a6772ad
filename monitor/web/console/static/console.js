/* What is live on a page: parts are loaded again when their topics change, points show new values.
   Without this script every page works all the same.

   <section id="alarms" data-live="alarms doors">      loaded again when one of these topics changed
   <div data-device="main"><span data-point="voltage_l1_v" data-unit="V" data-digits="1"></span></div>
       of states: data-yes and data-no, the words for them; <time data-heard></time>: when it was last heard
   <p data-live-state data-on="Live" data-off="Not connected" data-slow="Loaded again" data-out="Signed out"
      data-login="/login" hidden></p>
   Where too many look already a page is loaded again now and then. What the script loads says `x-background`: it
   does not count as somebody's doing, so a session ends on a page that is left open.
*/
"use strict";
(() => {
  const CALM = 1000;
  const LONGEST = 60000;
  const SLOW = 30000;
  const BEFORE = 5000; // a page may show what was read so long before it was drawn
  const lang = document.documentElement.lang || undefined;
  const base = (document.body.dataset.base || "/").replace(/\/?$/, "/");
  const device = document.querySelector("[data-device]:has([data-point])")?.dataset.device || "";
  const stale = new Set();
  let source = null;
  let since = Number(document.body.dataset.now || 0);
  let wait = CALM;
  let later = 0;
  let loading = false;
  let gone = 0;
  let slow = 0;
  let isOut = false;

  function parts() {
    const all = [...document.querySelectorAll("[data-live][id]")];
    return all.filter((part) => !part.parentElement.closest("[data-live][id]"));
  }

  function topicsOf(part) {
    const inner = [part, ...part.querySelectorAll("[data-live]")];
    return inner.flatMap((one) => one.dataset.live.split(/\s+/).filter(Boolean));
  }

  function address() {
    const topics = new Set(parts().flatMap(topicsOf));
    const query = new URLSearchParams();
    if (device) {
      topics.add("readings");
      query.set("device", device);
    }
    query.set("topics", [...topics].join(","));
    if (since) query.set("since", String(Math.max(0, since - BEFORE)));
    return topics.size ? `${base}api/v1/live?${query}` : "";
  }

  function say(word) {
    const show = () => {
      for (const state of document.querySelectorAll("[data-live-state]")) {
        const words = state.dataset[word];
        if (state.textContent !== words) state.textContent = words;
        state.dataset.liveState = word;
        state.hidden = false;
      }
    };
    if (word === "off") {
      gone ||= setTimeout(show, 4 * CALM); // a connection that only begins anew is nothing to tell
    } else {
      clearTimeout(gone);
      gone = 0;
      show();
    }
  }

  /* The session is over: nothing is loaded any more, what is typed stays, and a link leads to sign in. */
  function leave() {
    if (isOut) return;
    isOut = true;
    disconnect();
    clearTimeout(later);
    clearTimeout(slow);
    say("out");
    for (const state of document.querySelectorAll("[data-live-state]")) {
      const link = document.createElement("a");
      const back = document.querySelector(".menu input[name=back]")?.value;
      link.href = state.dataset.login + (back ? `?next=${encodeURIComponent(back)}` : "");
      link.textContent = state.textContent;
      state.replaceChildren(link);
    }
  }

  /* Nobody tells what changes: all is loaded again now and then, which also finds out that the session is over. */
  function look() {
    clearTimeout(slow);
    slow = 0;
    if (isOut || document.hidden || (source && source.readyState === EventSource.OPEN)) return;
    for (const part of parts()) stale.add(part);
    load();
    slow = setTimeout(look, SLOW);
  }

  function connect() {
    clearTimeout(later);
    const where = address();
    if (!where || source || isOut || document.hidden || !window.EventSource) return;
    source = new EventSource(where);
    source.addEventListener("open", () => {
      wait = CALM;
      clearTimeout(slow);
      slow = 0;
      say("on");
    });
    source.addEventListener("changed", (event) => {
      const { topics } = JSON.parse(event.data);
      for (const part of parts()) if (topicsOf(part).some((one) => topics.includes(one))) stale.add(part);
      load();
    });
    source.addEventListener("reading", (event) => show(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      if (!slow) say("off");
      if (source && source.readyState === EventSource.CLOSED) {
        disconnect();
        if (!slow) look();
        later = setTimeout(connect, wait * (0.5 + Math.random()));
        wait = Math.min(2 * wait, LONGEST);
      }
    });
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  async function load() {
    const due = [...stale].filter((part) => part.isConnected && !isBusy(part));
    if (loading || isOut || document.hidden || !stale.size) return;
    loading = true;
    for (const part of due) stale.delete(part);
    try {
      if (due.length) await fill(due);
    } catch {
      say("off");
      for (const part of due) stale.add(part);
    }
    setTimeout(() => {
      loading = false;
      load();
    }, CALM * (stale.size ? 3 : 1));
  }

  function ask(where) {
    return fetch(where, { credentials: "same-origin", cache: "no-store", headers: { "x-background": "1" } });
  }

  async function fill(due) {
    const answer = await ask(location.href);
    if (answer.status >= 500) throw new Error("later");
    if (answer.redirected && new URL(answer.url).pathname === `${base}login`) leave();
    if (!answer.ok && (await ask(`${base}api/v1/whoami`)).status === 401) leave();
    if (!answer.ok || answer.redirected) return; // signed out, or the answer to a form: it stays as it is
    if (slow) say("slow");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    since = Number(page.body.dataset.now || since);
    for (const part of due) {
      const fresh = page.getElementById(part.id);
      if (fresh && isBusy(part)) stale.add(part); // meanwhile
      else if (fresh) renew(part, fresh);
    }
  }

  /* Somebody types or has written something that is not sent yet, or has marked text. */
  function isBusy(part) {
    const marked = document.getSelection();
    if (marked && !marked.isCollapsed && part.contains(marked.anchorNode)) return true;
    const here = document.activeElement;
    if (part.contains(here) && here.matches("input, select, textarea")) return true;
    return [...part.querySelectorAll("input, select, textarea")].some((field) => {
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.tagName === "SELECT") {
        const chosen = [...field.options].some((one) => one.defaultSelected);
        return chosen
          ? [...field.options].some((one) => one.selected !== one.defaultSelected)
          : field.selectedIndex > 0;
      }
      return field.value !== field.defaultValue;
    });
  }

  function keyOf(element) {
    if (element.id) return `#${element.id}`;
    const about = element.closest("form")?.getAttribute("action") || "";
    const what = element.getAttribute("href") || element.getAttribute("name") || element.textContent.trim();
    return `${element.tagName} ${about} ${what}`;
  }

  /* The element stays and its contents are new, so that screen readers hear what aria-live says of it. */
  function renew(part, fresh) {
    const named = (details) => details.id || details.querySelector("summary")?.textContent.trim();
    const open = new Map([...part.querySelectorAll("details")].map((one) => [named(one), one.open]));
    for (const details of fresh.querySelectorAll("details")) {
      if (open.has(named(details))) details.open = open.get(named(details));
    }
    if (part.isEqualNode(fresh)) return;
    const here = document.activeElement;
    const focus = part.contains(here) && here !== part ? keyOf(here) : "";
    for (const name of part.getAttributeNames()) if (!fresh.hasAttribute(name)) part.removeAttribute(name);
    for (const name of fresh.getAttributeNames()) part.setAttribute(name, fresh.getAttribute(name));
    part.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
    if (focus) {
      const same = [...part.querySelectorAll("a, button, summary, [tabindex]")].find((one) => keyOf(one) === focus);
      (same || part).focus({ preventScroll: true });
    }
  }

  function show(reading) {
    for (const place of document.querySelectorAll(`[data-device="${CSS.escape(reading.device)}"]`)) {
      for (const field of place.querySelectorAll("[data-point]")) {
        const value = reading.values[field.dataset.point];
        if (value === undefined) continue;
        const text = inWords(value, field.dataset);
        if (field.textContent !== text) field.textContent = text;
      }
      for (const time of place.querySelectorAll("time[data-heard]")) {
        const at = new Date(reading.time);
        time.dateTime = at.toISOString();
        time.textContent = at.toLocaleTimeString(lang, { timeZone: document.body.dataset.zone || undefined });
      }
    }
  }

  function inWords(value, { unit, digits, yes, no }) {
    if (typeof value === "boolean") return (value ? yes : no) || String(value);
    if (typeof value !== "number") return String(value);
    const size = Math.abs(value);
    const most = digits ? Number(digits) : size >= 10000 ? 0 : size >= 1000 ? 1 : size >= 1 ? 3 : 6;
    const number = value.toLocaleString(lang, { maximumFractionDigits: most });
    return unit ? `${number} ${unit}` : number;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  document.addEventListener("focusout", () => load());
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  connect();
})();
