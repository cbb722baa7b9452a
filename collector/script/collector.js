// The browser script of Proprium. It sends what PROTOCOL.md says, and never throws into the page.
//
//   <script defer src="https://stats.example.com/collector.js" data-collector-id="<uuid>"></script>
//   collectorQueue.push({event: 'signup', data: {plan: 'pro'}})   // before or after this script has loaded
//
// Options: data-cookieless, data-hash (hash routes), data-exclude="/admin/*,/preview", data-no-clicks, data-no-scroll,
// data-no-routes, data-url="/a/{pattern}" (sent in place of the real path).
(() => {
  // Taken at once: the page may redefine it later.
  const { document: page, location, history, navigator, fetch } = window;
  const YEAR_S = 31536000, IDLE_MS = 3e4, LONGEST_MS = 18e5, MAX_FAILED = 20, TRIES = 3, SETTLED_MS = 100;

  const safely = (run) => (...args) => {
    try {
      return run(...args);
    } catch {}
  };
  const on = (target, name, run) => target.addEventListener(name, safely(run), { capture: true, passive: true });

  safely(() => {
    // The seed's tag loads this file with globals and no currentScript. They may be `let`s, which window does not have.
    const tag = page.currentScript || page.querySelector('script[data-collector-id]') || { dataset: {}, src: '' };
    const options = tag.dataset;
    const property = options.collectorId || safely(() => collectorId)();
    const base = safely(() => collectorServer)() || tag.src.split(/[?#]/)[0].replace(/(\/static)?\/[^/]*$/, '');
    const server = base.replace(/(\/collect)?\/*$/, '/collect');
    const queue = safely(() => collectorQueue)() || (window.collectorQueue = []);
    if (!property || queue.isOn) return;
    queue.isOn = 1;

    const isCookieless = 'cookieless' in options || navigator.globalPrivacyControl || navigator.doNotTrack == 1;
    const excluded = (options.exclude || '').split(/[\s,]+/).filter(Boolean)
      .map((glob) => RegExp(`^${glob.replace(/[^\w*]/g, '\\$&').replace(/\*/g, '.*')}$`));

    // ---- who ----
    const random = (length, radix) => { // a radix that divides 256, so that each digit is as likely
      let text = ''; // Array.from is another one on pages with old libraries
      for (const byte of crypto.getRandomValues(new Uint8Array(length))) text += (byte % radix).toString(radix);
      return text;
    };
    const uuid7 = () => Date.now().toString(16).padStart(12, 0) + 7 + random(3, 16) + 'a' + random(15, 16);
    const cookie = safely(() => (page.cookie.match(/(^|; )collectoruserid=([^;]+)/) || [])[2]); // throws in a sandbox
    let user, isKnown, isNew;
    const identify = () => {
      if (isKnown || isCookieless) return;
      isKnown = 1;
      user = cookie();
      if (user) return;
      safely(() => {
        page.cookie = `collectoruserid=${random(26, 32)};max-age=${YEAR_S};path=/;SameSite=Lax${location.protocol == 'https:' ? ';Secure' : ''}`;
      })();
      user = cookie(); // a blocked cookie is no new visitor on every page
      isNew = user;
    };
    // Tabs that are opened at once each make a cookie: the last one stays, and its maker alone tells of a new visitor.
    const settle = () => {
      user = cookie() || user;
      if (user == isNew) waiting.unshift({ ...waiting[0], event: 'session_start', id: uuid7() });
      isNew = 0;
    };

    // ---- sending ----
    let waiting = [], failed = [], timer;
    const flush = safely(() => {
      clearTimeout(timer);
      timer = 0;
      if (isNew) settle();
      const parcels = failed.concat(waiting);
      failed = [];
      waiting = [];
      // An array is taken or refused as a whole: another property's events travel alone.
      while (parcels.length) {
        const end = parcels.findIndex((parcel, at) => at > 49 || parcel.owner != parcels[0].owner);
        send(parcels.splice(0, end < 0 ? 50 : end));
      }
    });
    const written = (parcels, hostname) => `[${parcels.map(({ owner, event, id, data }, at) => JSON.stringify({
      collectorId: at ? undefined : owner,
      event,
      id,
      data: at && parcels[at - 1].data == data ? undefined : { hostname, ...data, user_id: data.user_id || user },
    }))}]`; // one by one: old libraries give arrays a toJSON that makes a text of them
    const send = (parcels) => {
      const keep = safely(() => {
        failed = failed.concat(parcels.filter((parcel) => ++parcel.tries < TRIES)).slice(-MAX_FAILED);
      });
      try {
        // The Origin header names the host, except for a page with an opaque origin.
        const body = written(parcels, self.origin == 'null' ? location.hostname : undefined);
        // Browsers refuse keepalive above 64 KiB, and a character has up to three bytes.
        fetch(server, { method: 'POST', body, keepalive: body.length < 2e4, credentials: 'omit' })
          .then(safely((answer) => (answer.status == 429 || answer.status > 499) && keep()), keep);
      } catch {
        // No fetch, or one that is not ours: a doubled event has the same id. A beacon may hide the origin.
        safely(() => navigator.sendBeacon(server, written(parcels, location.hostname)))() || keep();
      }
    };
    const parcelOf = (event, data, owner = property) => ({
      tries: 0,
      owner,
      event,
      id: uuid7(),
      data: { view_id: view, url, automated: navigator.webdriver || undefined, ...data },
    });
    const add = (event, data, isPatient, owner) => {
      if (isExcluded || safely(() => localStorage.collector_optout)() == 1) return;
      identify();
      waiting.push(parcelOf(event, data, owner));
      if (isPatient || isNew) timer = timer || setTimeout(flush, isNew ? SETTLED_MS : 5e3);
      else queueMicrotask(flush);
    };

    // ---- page views ----
    let view, url, path, isExcluded, referrer = page.referrer;
    // As the collector reads it: #/inbox is a page, #top is a place on one.
    const hash = () => ('hash' in options && /^#[/!]/.test(location.hash) ? location.hash : '');
    const route = () => location.pathname + hash().split('?')[0];
    const about = () => {
      const data = { title: options.url ? undefined : page.title, screen_width: screen.width, screen_height: screen.height, language: navigator.language };
      if (referrer && new URL(referrer).host != location.host) data.referrer = referrer;
      new URLSearchParams(location.search).forEach((value, key) => {
        if (/^utm_\w+$/.test(key)) data[key] = value;
      });
      return data;
    };
    const show = (pushed = {}) => {
      path = route();
      view = random(10, 32);
      isExcluded = excluded.some((pattern) => pattern.test(location.pathname));
      // Campaigns travel as fields of their own, and click ids identify a person.
      const query = location.search.slice(1).split('&').filter((pair) => pair && !/^(utm_|\w*clid=)/.test(pair)).join('&');
      url = pushed.url || options.url || location.pathname + (query && '?' + query) + hash();
      engaged = sent = depth = milestone = 0;
      lastInput = shown = performance.now();
      isAway = page.hidden;
      add('page_view', { ...about(), ...pushed });
      referrer = ''; // what follows came from this page
    };
    const changed = safely(() => {
      if (route() == path) return;
      leave();
      show();
    });

    // ---- engagement ----
    let engaged, sent, lastInput, shown, isAway, depth, milestone;
    const touch = () => {
      const now = performance.now();
      if (!isAway) engaged += Math.min(now - lastInput, IDLE_MS);
      lastInput = now;
    };
    const measure = () => {
      const root = page.documentElement;
      depth = Math.max(depth, Math.min(100, Math.round((window.scrollY + window.innerHeight) / (root.scrollHeight || 1) * 100)));
    };
    // One part of the time on a page; the parts of one view add up.
    const leave = () => {
      touch();
      const part = Math.round(Math.min(engaged, LONGEST_MS - sent));
      if (part >= 1e3) {
        add('page_leave', { time_on_page: part, scroll_depth: depth }, 1);
        sent += part;
        engaged = 0;
      }
    };
    const hide = () => {
      measure();
      leave();
      isAway = 1;
      flush();
    };

    // ---- clicks ----
    let lastClick = -1e3;
    const click = (happened) => {
      const now = performance.now();
      if (now - lastClick < 300) return;
      lastClick = now;
      const element = happened.target.closest('[data-collect],a,button,input,select,textarea,summary,label') || happened.target;
      const name = ['data-collect', 'id', 'name'].map((key) => element.getAttribute(key)).find(Boolean);
      const link = element.closest('a[href]');
      const data = { target: element.localName + (name ? '#' + name : ''), x: Math.round(happened.pageX), y: Math.round(happened.pageY) };
      if (link && /^http/.test(link.protocol)) {
        const isFile = link.hasAttribute('download') || /\.(pdf|zip|gz|7z|rar|docx?|xlsx?|pptx?|csv|epub|mp[34]|mov|exe|msi|dmg|pkg|deb|rpm|apk|iso)$/i.test(link.pathname);
        if (isFile) data.href = link.host + link.pathname;
        else if (link.host != location.host) data.href = link.host;
      }
      add('click', data, 1);
    };
    const scroll = () => {
      if (window.scrollY <= 0) return; // a route that begins at its top
      measure();
      while (milestone < 100 && depth >= milestone + 25) add('scroll', { scroll_depth: (milestone += 25) }, 1);
    };

    const start = () => {
      show();
      for (const name of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'touchmove', 'wheel']) on(window, name, touch);
      on(page, 'visibilitychange', () => {
        if (page.hidden) return hide();
        isAway = 0;
        lastInput = performance.now();
      });
      on(window, 'pagehide', () => page.hidden || hide());
      on(window, 'pageshow', (restored) => restored.persisted && show());
      if (!('noClicks' in options)) on(page, 'click', click);
      if (!('noScroll' in options)) on(window, 'scroll', scroll);
      if (!('noRoutes' in options)) {
        // Seen so far, and a moment later, when the page has its new title, the next view.
        const later = safely(() => {
          measure();
          setTimeout(changed, 20);
        });
        for (const name of ['pushState', 'replaceState']) {
          const original = history[name];
          history[name] = function () {
            const result = original.apply(this, arguments);
            later();
            return result;
          };
        }
        on(window, 'popstate', later);
        on(window, 'hashchange', later);
      }
      const push = safely((pushed) => {
        const name = pushed.event || pushed;
        JSON.stringify(pushed); // what cannot be sent must not take the others of its request along
        const data = { user_id: pushed.user_id, ...pushed.data };
        if (name != 'page_view' || pushed.collectorId) return name.trim() && add(name.slice(0, 255), data, 0, pushed.collectorId);
        // A router's first word is of the view that has just been reported.
        if ((data.url || url) == url && performance.now() - shown < 1e3) return;
        measure();
        leave();
        show(data);
      });
      const early = queue.splice(0);
      queue.push = (...pushed) => pushed.forEach(push);
      early.forEach(push);
    };

    if (page.prerendering) on(page, 'prerenderingchange', start);
    else start();
  })();
})();
