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
  const YEAR_S = 31536000, IDLE_MS = 3e4, LONGEST_MS = 18e5, KEPT = 20, TRIES = 3;

  const safely = (run) => (...args) => {
    try {
      return run(...args);
    } catch {}
  };
  const on = (target, name, run) => target.addEventListener(name, safely(run), { capture: true, passive: true });

  safely(() => {
    // The seed's tag loads this file with globals and no currentScript. They may be `let`s, which window does not have.
    const tag = page.currentScript || page.querySelector('script[data-collector-id]') || { dataset: {} };
    const options = tag.dataset;
    const property = options.collectorId || (typeof collectorId != 'undefined' && collectorId);
    const base = typeof collectorServer != 'undefined' ? collectorServer : tag.src.split(/[?#]/)[0].replace(/(\/static)?\/[^/]*$/, '');
    const server = base.replace(/(\/collect)?\/*$/, '/collect');
    const queue = typeof collectorQueue != 'undefined' ? collectorQueue : (window.collectorQueue = []);
    if (!property || queue.isOn) return;
    queue.isOn = 1;
    if (safely(() => localStorage.collector_optout)() == 1) return;

    const isCookieless = 'cookieless' in options || navigator.globalPrivacyControl || /^(1|yes)$/.test(navigator.doNotTrack || window.doNotTrack);
    const excluded = (options.exclude || '').split(/[\s,]+/).filter(Boolean)
      .map((glob) => RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*')}$`));

    // ---- who ----
    const random = (bytes) => {
      let text = ''; // Array.from is another one on pages with old libraries
      for (const byte of crypto.getRandomValues(new Uint8Array(bytes))) text += (byte + 256).toString(16).slice(1);
      return text;
    };
    const uuid7 = () => (Date.now().toString(16).padStart(12, 0) + 7 + random(2).slice(1) + 'a' + random(8).slice(1))
      .replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    const cookie = safely(() => (page.cookie.match(/(?:^|; )collectoruserid=([^;]+)/) || [])[1]); // throws in a sandbox
    let user, isNew, isKnown;
    const identify = () => {
      if (isKnown || isCookieless) return;
      isKnown = 1;
      user = cookie();
      if (user) return;
      safely(() => {
        page.cookie = `collectoruserid=${random(16)};max-age=${YEAR_S};path=/;SameSite=Lax${location.protocol == 'https:' ? ';Secure' : ''}`;
      })();
      user = isNew = cookie(); // a blocked cookie is no new visitor on every page
    };

    // ---- sending ----
    let waiting = [], failed = [], timer;
    const flush = safely(() => {
      clearTimeout(timer);
      timer = 0;
      const parcels = failed.concat(waiting);
      failed = [];
      waiting = [];
      while (parcels.length) send(parcels.splice(0, 50));
    });
    const send = (parcels) => {
      // One by one: old libraries give arrays a toJSON that makes a text of them.
      const body = `[${parcels.map((parcel) => JSON.stringify(parcel.event))}]`;
      const keep = safely(() => {
        failed = failed.concat(parcels.filter((parcel) => ++parcel.tries < TRIES)).slice(-KEPT);
      });
      try {
        // Browsers refuse keepalive above 64 KiB.
        fetch(server, { method: 'POST', body, keepalive: body.length < 6e4, credentials: 'omit' })
          .then((answer) => (answer.status == 429 || answer.status > 499) && keep(), keep);
      } catch {
        // No fetch, or one that is not ours: a doubled event has the same id.
        safely(() => navigator.sendBeacon(server, body))() || keep();
      }
    };
    const isExcluded = () => excluded.some((pattern) => pattern.test(location.pathname));
    const add = (event, data, isPatient, pushed = {}) => {
      if (isExcluded()) return;
      identify();
      const parcel = {
        tries: 0,
        event: {
          collectorId: pushed.collectorId || property,
          event,
          id: uuid7(),
          data: {
            user_id: pushed.user_id || user,
            view_id: view,
            url,
            hostname: location.hostname,
            automated: navigator.webdriver || undefined,
            ...data,
          },
        },
      };
      // An array is taken or refused as a whole: another property's events travel alone.
      if (pushed.collectorId) return send([parcel]);
      waiting.push(parcel);
      if (isPatient) timer = timer || setTimeout(flush, 5e3);
      else queueMicrotask(flush);
    };

    // ---- page views ----
    let view, url, path, referrer = page.referrer;
    const route = () => location.pathname + ('hash' in options ? location.hash : '');
    const about = () => {
      const data = { title: options.url ? undefined : page.title, screen_width: screen.width, screen_height: screen.height, language: navigator.language };
      if (referrer && new URL(referrer).host != location.host) data.referrer = referrer;
      new URLSearchParams(location.search).forEach((value, key) => {
        if (/^utm_(source|medium|campaign|term|content)$/.test(key)) data[key] = value;
      });
      return data;
    };
    const show = () => {
      path = route();
      view = random(8);
      // Campaigns travel as fields of their own, and click ids are nobody's business.
      const query = location.search.slice(1).split('&').filter((pair) => pair && !/^(utm_|\w*clid=)/.test(pair)).join('&');
      url = options.url || location.pathname + (query && '?' + query) + ('hash' in options ? location.hash : '');
      engaged = sent = depth = milestone = 0;
      lastInput = performance.now();
      isAway = !isVisible();
      if (isExcluded()) return;
      identify();
      const data = about();
      if (isNew) add('session_start', data);
      isNew = 0;
      add('page_view', data);
      referrer = ''; // what follows came from this page
    };
    const changed = safely(() => {
      if (route() == path) return;
      leave();
      show();
    });

    // ---- engagement ----
    let engaged, sent, lastInput, isAway, depth, milestone;
    const isVisible = () => page.visibilityState != 'hidden';
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
      measure();
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
      measure();
      while (milestone < 100 && depth >= milestone + 25) add('scroll', { scroll_depth: (milestone += 25) }, 1);
    };

    const start = () => {
      show();
      for (const name of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'touchmove', 'wheel']) on(window, name, touch);
      on(page, 'visibilitychange', () => {
        if (!isVisible()) return hide();
        isAway = 0;
        lastInput = performance.now();
      });
      on(window, 'pagehide', () => isVisible() && hide());
      on(window, 'pageshow', (shown) => shown.persisted && show());
      if (!('noClicks' in options)) on(page, 'click', click);
      if (!('noScroll' in options)) on(window, 'scroll', scroll);
      if (!('noRoutes' in options)) {
        // A moment later, when the page has its new title.
        const later = () => setTimeout(changed, 20);
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
        if (name.slice) add(name.slice(0, 255), { ...(name == 'page_view' && about()), ...pushed.data }, 0, pushed);
      });
      const early = queue.splice(0);
      queue.push = (...pushed) => pushed.forEach(push);
      early.forEach(push);
    };

    if (page.prerendering) on(page, 'prerenderingchange', start);
    else start();
  })();
})();
