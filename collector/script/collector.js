// The browser script of Proprium. It sends what PROTOCOL.md says, and never throws into the page.
//
//   <script defer src="https://stats.example.com/collector.js" data-collector-id="<uuid>"></script>
//   collectorQueue.push({event: 'signup', data: {plan: 'pro'}})   // before or after this script has loaded
//
// Options: data-cookieless, data-domain="example.com" (one cookie for its subdomains), data-hash (hash routes),
// data-exclude="/admin/*,/preview", data-no-clicks, data-no-scroll, data-no-routes, data-url="/a/{pattern}" (sent in
// place of the real path). A tag manager that strips attributes keeps the address: collector.js?id=<uuid>&cookieless
(() => {
  // Taken at once: the page may redefine it later.
  const { document: page, location, history, navigator, fetch } = window;
  const YEAR_S = 31536000, IDLE_MS = 3e4, LONGEST_MS = 18e5, MAX_WAITING = 20, TRIES = 3, SETTLED_MS = 100, TITLE_MS = 1e3;

  const safely = (run) => (...args) => {
    try {
      return run(...args);
    } catch {}
  };
  const on = (target, names, run) => names.split(' ').map((name) => target.addEventListener(name, safely(run), true));
  const extend = (object, name, run) => {
    const original = object[name];
    object[name] = (...args) => {
      original.apply(object, args);
      run(args);
    };
  };

  safely(() => {
    // A module has no currentScript. The seed's tag sets globals, maybe with `let`, which window does not have.
    const { dataset, src } = page.currentScript || page.querySelector('[data-collector-id],script[src*=collector]');
    const [address, query] = src.split(/[?#]/);
    const options = dataset.collectorId ? dataset : Object.fromEntries(new URLSearchParams(query));
    const property = options.collectorId || options.id || safely(() => collectorId)();
    const base = safely(() => collectorServer)() || address.replace(/[^/]*$/, '');
    const server = base.replace(/(\/static|\/collect)?\/*$/, '/collect');
    const queue = safely(() => collectorQueue)() || (window.collectorQueue = []);
    // Each property of a page has a tag; a tag that stands there twice counts once.
    const others = queue.collectorId || '';
    if (others.includes(property)) return;
    queue.collectorId = others + property;
    if (!/^http/.test(location.protocol) || !/^[\da-f-]+$/i.test(property)) return console.info('Proprium is off: no id or no http page');

    const excluded = RegExp(`^(${(options.exclude || '').replace(/[^\w*,\s]/g, '\\$&').replace(/\*/g, '.*').replace(/[,\s]+/g, '|')})$`);

    // ---- who ----
    const random = (length, radix) => { // a radix that divides 256, so that each digit is as likely
      let text = ''; // Array.from is another one on pages with old libraries
      for (const byte of crypto.getRandomValues(new Uint8Array(length))) text += (byte % radix).toString(radix);
      return text;
    };
    const uuid7 = () => 0 + Date.now().toString(16) + 7 + random(3, 16) + 'a' + random(15, 16);
    const cookie = safely((made) => { // throws in a sandbox, and where there is none
      if (made) page.cookie = made;
      return page.cookie.match(/\bcollectoruserid=([^;]+)/)[1];
    });
    let user, isNew, isIdentified = 'cookieless' in options || navigator.globalPrivacyControl || +navigator.doNotTrack;
    const identify = () => {
      if (isIdentified) return;
      isIdentified = 1;
      // Unknown attributes are ignored. A blocked cookie is no new visitor on every page.
      user = cookie() || (isNew = cookie(`collectoruserid=${random(26, 32)};max-age=${YEAR_S};path=/;SameSite=Lax;${location.protocol == 'https:' && 'Secure'};${options.domain && 'domain=' + options.domain}`));
    };
    // Tabs that are opened at once each make a cookie: the last one stays, and its maker alone tells of a new visitor.
    const settle = () => {
      user = cookie();
      if (user == isNew) waiting.unshift({ ...waiting[0], event: 'session_start', id: uuid7() });
      isNew = 0;
    };

    // ---- sending ----
    let waiting = [], timer, untitled;
    // Routers change the address first: the title is read when the view is sent, or when the next one begins.
    const entitle = () => {
      if (untitled && !options.url) untitled.title = untitled.title || page.title;
      clearTimeout(timer);
      timer = untitled = 0;
    };
    const flush = safely(() => {
      entitle();
      if (isNew) settle();
      // An array is taken or refused as a whole: another property's events travel alone.
      while (waiting.length) send(waiting.splice(0, [...waiting.slice(0, 50), 0].findIndex((parcel) => parcel.collectorId != waiting[0].collectorId)));
    });
    const written = (parcels, hostname) => `[${parcels.map(({ tries, collectorId, data, ...parcel }, at) => JSON.stringify({
      collectorId: at ? undefined : collectorId,
      ...parcel,
      data: at && parcels[at - 1].data == data ? undefined : { hostname, ...data, user_id: data.user_id || user },
    }))}]`; // one by one: old libraries give arrays a toJSON that makes a text of them
    const send = (parcels) => {
      const keep = safely(() => {
        waiting = parcels.filter((parcel) => ++parcel.tries < TRIES).concat(waiting).slice(-MAX_WAITING);
      });
      try {
        // The Origin header names the host, except for a page with an opaque origin.
        const body = written(parcels, self.origin == 'null' ? location.hostname : undefined);
        // Browsers refuse keepalive above 64 KiB, and a character has up to three bytes.
        fetch(server, { method: 'POST', body, keepalive: body.length < 2e4, credentials: 'omit' })
          .then(safely((answer) => /429|5../.test(answer.status) && keep()), keep);
      } catch {
        // No fetch, or one that is not ours: a doubled event has the same id. A beacon may hide the origin.
        safely(() => navigator.sendBeacon(server, written(parcels, location.hostname)))() || keep();
      }
    };
    const add = (event, data, isPatient, collectorId = property) => {
      if (isExcluded || safely(() => localStorage.collector_optout)() == 1) return;
      identify();
      data = { view_id: view, url, automated: navigator.webdriver || undefined, ...data };
      waiting.push({ tries: 0, collectorId, event, id: uuid7(), data });
      if (isPatient || isNew || untitled) timer = timer || setTimeout(flush, isNew ? SETTLED_MS : untitled ? TITLE_MS : 5e3);
      else queueMicrotask(flush);
      return data;
    };

    // ---- page views ----
    let view, url, path, isExcluded, referrer = page.referrer;
    // As the collector reads it: #/inbox is a page, #top is a place on one.
    const hash = () => ('hash' in options && /^#[/!]/.test(location.hash) ? location.hash : '');
    const route = () => location.pathname + hash().split('?')[0];
    const show = (isRoute, pushed = {}) => {
      entitle();
      untitled = isRoute;
      path = route();
      view = random(10, 32);
      isExcluded = excluded.test(location.pathname);
      const data = { screen_width: screen.width, screen_height: screen.height, language: navigator.language };
      if (referrer && referrer.split('/')[2] != location.host) data.referrer = referrer;
      // Campaigns travel as fields of their own, and of a click id its name: the value identifies a person.
      const query = location.search.slice(1).split('&').filter((pair) => {
        const [[key, value] = []] = new URLSearchParams(pair);
        if (/^utm_\w+$/.test(key)) data[key] = value;
        else if (/^(\w*(clk?|fat_)id|.braid)$/i.test(key)) data.click_id = key;
        else return pair;
      }).join('&');
      url = pushed.url || options.url || location.pathname + (query && '?' + query) + hash();
      engaged = sent = depth = milestone = 0;
      lastInput = shown = performance.now();
      isAway = page.hidden;
      untitled = add('page_view', { ...data, ...pushed });
      referrer = ''; // what follows came from this page
    };

    // ---- engagement ----
    let engaged, sent, lastInput, shown, isAway, depth, milestone;
    const touch = () => {
      const now = performance.now();
      if (!isAway) engaged += Math.min(now - lastInput, IDLE_MS);
      lastInput = now;
    };
    const measure = (isScroll) => {
      let box = page.scrollingElement || page.body;
      // Apps scroll inside an element: the longest one that is in the middle of the window.
      for (const node of page.elementsFromPoint(innerWidth / 2, innerHeight / 2)) {
        if (node.scrollHeight > box.scrollHeight && /auto|scroll/.test(getComputedStyle(node).overflowY)) box = node;
      }
      if (isScroll && box.scrollTop <= 0) return; // a route that begins at its top
      depth = Math.max(depth, Math.min(100, (box.scrollTop + box.clientHeight) / box.scrollHeight * 100 + 0.5 | 0));
      while (isScroll && depth >= milestone + 25) add('scroll', { scroll_depth: (milestone += 25) }, 1);
    };
    // One part of the time on a page; the parts of one view add up.
    const leave = () => {
      touch();
      const part = Math.min(engaged, LONGEST_MS - sent) | 0;
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
    let lastClick;
    const click = (happened) => {
      const now = performance.now(), nodes = happened.composedPath(); // from inside of shadow roots
      const element = [happened.target, ...nodes].find(safely((node) => node.matches('[data-collect],a,button,input,select,textarea,summary,label'))) || happened.target;
      const name = element.getAttribute('data-collect') || element.getAttribute('id') || element.getAttribute('name');
      const data = { target: element.localName + (name ? '#' + name : ''), x: happened.pageX | 0, y: happened.pageY | 0 };
      const link = nodes.find((node) => node.localName == 'a');
      // An SVG link has an object there.
      const { protocol, host, pathname } = safely(() => new URL(link.href.baseVal || link.href, page.baseURI))() || {};
      const isFile = /\.(pdf|zip|gz|7z|rar|(doc|xls|ppt)x?|csv|epub|mp[34]|mov|exe|msi|dmg|pkg|deb|rpm|apk|iso)$/i.test(pathname) || link && link.hasAttribute('download');
      if (/^http/.test(protocol) && (isFile || host != location.host)) data.href = host + (isFile ? pathname : '');
      // "Open in a new tab" is a middle click, or an entry of the context menu: of those, links that lead away count.
      if (now - lastClick < 300 || !data.href && happened.type != 'click') return;
      lastClick = now;
      add('click', data, 1);
    };

    const start = () => {
      show();
      on(window, 'pointermove pointerdown keydown scroll', touch);
      on(page, 'visibilitychange', () => {
        if (page.hidden) return hide();
        touch();
        isAway = 0;
      });
      on(window, 'pagehide', hide);
      on(window, 'pageshow', (restored) => restored.persisted && show());
      if (!('noClicks' in options)) on(page, 'click auxclick contextmenu', click);
      if (!('noScroll' in options)) on(window, 'scroll', measure);
      if (!('noRoutes' in options)) {
        // Seen so far; and a moment later, when the router has made up its mind, the next view.
        const later = safely(() => {
          if (route() == path) return;
          measure();
          entitle();
          setTimeout(safely(() => {
            if (route() == path) return;
            leave();
            show(1);
          }), 20);
        });
        // A router may have taken pushState before this script. A page with an opaque origin has no entries.
        if (safely(() => navigation.currentEntry)()) on(navigation, 'currententrychange', later);
        else {
          extend(history, 'pushState', later);
          extend(history, 'replaceState', later);
          on(window, 'popstate', later); // also of a new hash
        }
      }
      const push = safely((pushed) => {
        if (others && pushed.collectorId) return; // the first tag sends it
        const name = pushed.event || pushed;
        JSON.stringify(pushed); // what cannot be sent must not take the others of its request along
        const data = { user_id: pushed.user_id, ...pushed.data };
        if (name != 'page_view' || pushed.collectorId) return name.trim() && add(name.slice(0, 255), data, 0, pushed.collectorId);
        // A router's first word is of the view that has just been reported.
        if ((data.url || url) == url && performance.now() - shown < 1e3) return;
        measure();
        leave();
        show(0, data);
      });
      queue.forEach(push);
      extend(queue, 'push', (pushed) => pushed.forEach(push)); // the queue stays, for tags that come later
    };

    if (page.prerendering) on(page, 'prerenderingchange', start);
    else start();
  })();
})();
