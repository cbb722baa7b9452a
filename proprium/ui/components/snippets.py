"""Code snippets to copy: tracking code and recipes, filled in with this server's URL and a property's id."""

from __future__ import annotations

from proprium.config import Settings
from proprium.storage.tables import Property

YOUR_ID = "YOUR-PROPERTY-ID"
YOUR_KEY = "YOUR-API-KEY"
PROXY_PREFIX = "/pulse"  # path of the proxied script on a site; on no block list of ad blockers


class Snippets:
    """Builds the snippets of one property; without one, the id is the placeholder YOUR_ID."""

    def __init__(self, settings: Settings, property_: Property | None = None) -> None:
        self.server = settings.public_url
        self.id = str(property_.id) if property_ else YOUR_ID
        self.is_cookieless = bool(property_ and property_.is_cookieless)

    def tag(self, *options: str) -> str:
        """Returns the tracking code: the <script> tag for every page."""
        attributes = ["data-cookieless"] * self.is_cookieless + list(options)
        attribute_text = "".join(f" {attribute}" for attribute in attributes)
        return f'<script defer src="{self.server}/collector.js" data-collector-id="{self.id}"{attribute_text}></script>'

    def google_tag_manager(self) -> str:
        """Returns a tag that needs no attributes, because tag managers remove them: id and options are in its URL."""
        options = "&amp;cookieless" if self.is_cookieless else ""
        return f'<script async src="{self.server}/collector.js?id={self.id}{options}"></script>'

    def wordpress(self) -> str:
        return f"""add_action('wp_head', function () {{
    if (is_user_logged_in()) return;  // exclude your own visits
    echo '{self.tag()}';
}});"""

    def pixel(self) -> str:
        return (
            f'<img src="{self.server}/collect/pixel.gif?id={self.id}&amp;url=/newsletter/may" '
            'width="1" height="1" alt="" referrerpolicy="no-referrer-when-downgrade">'
        )

    def event_on_click(self) -> str:
        return """<button onclick="collectorQueue.push({event: 'signup', data: {plan: 'pro'}})">Sign up</button>"""

    def labelled_link(self) -> str:
        return '<a href="/pricing" data-collect="pricing-in-header">Pricing</a>'

    def event_from_script(self) -> str:
        return """<script>
  window.collectorQueue = window.collectorQueue || [];
  collectorQueue.push({event: 'signup', data: {plan: 'pro', seats: 3}});
</script>"""

    def page_view(self) -> str:
        return f"""{self.tag("data-no-routes")}
<script>
  router.afterEach((to) => collectorQueue.push({{event: 'page_view', data: {{url: to.path, title: document.title}}}}));
</script>"""

    def curl(self) -> str:
        return f"""curl {self.server}/collect \\
  --header 'Content-Type: application/json' \\
  --data '{{"collectorId": "{self.id}", "event": "order", "data": {{"amount": 49, "currency": "EUR"}}}}'"""

    def python(self) -> str:
        return f"""import requests

requests.post(
    "{self.server}/collect",
    json={{
        "collectorId": "{self.id}",
        "event": "order",
        "data": {{"amount": 49, "currency": "EUR", "user_id": "customer-7"}},
    }},
    timeout=5,
)"""

    def node(self) -> str:
        return f"""const response = await fetch('{self.server}/collect', {{
  method: 'POST',
  body: JSON.stringify({{
    collectorId: '{self.id}',
    event: 'order',
    data: {{amount: 49, currency: 'EUR', user_id: 'customer-7'}},
  }}),
}});
console.log(response.status);  // 204: stored on disk"""

    def batch_import(self) -> str:
        return f"""from time import time
from uuid import uuid4

import requests

response = requests.post(
    "{self.server}/api/v1/events",
    headers={{"Authorization": "Bearer {YOUR_KEY}"}},
    json=[
        {{
            "collectorId": "{self.id}",
            "event": "order",
            "id": str(uuid4()),  # your own id, so that a retry is not counted twice
            "timestamp": time() - 24 * 60 * 60,  # or a string such as 2026-01-31T09:00:00Z
            "ip": "192.0.2.7",  # the visitor's; used to look up the location, never stored
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "data": {{"url": "/thanks", "amount": 49, "currency": "EUR"}},
        }},
    ],
    timeout=30,
)
for result in response.json()["results"]:
    print(result)"""

    def read_with_curl(self) -> str:
        """Returns curl commands for totals, a breakdown and the raw events."""
        return f"""KEY={YOUR_KEY}
API={self.server}/api/v1/properties/{self.id}
curl --fail --header "Authorization: Bearer $KEY" "$API/totals?period=28d&metric=visitors&metric=page_views"
curl --fail --header "Authorization: Bearer $KEY" "$API/breakdown/page?period=28d&limit=10&filter=country:is:DE"
curl --fail --header "Authorization: Bearer $KEY" "$API/events.csv?from=2026-01-01" --output events.csv"""

    def read_with_python(self) -> str:
        return f"""import requests

api = requests.Session()
api.headers["Authorization"] = "Bearer {YOUR_KEY}"

def get(path, **params):
    response = api.get(f"{self.server}/api/v1/properties/{self.id}/{{path}}", params=params, timeout=30)
    response.raise_for_status()  # the body of a 4xx explains the problem in "detail"
    return response.json()

totals = get("totals", period="7d", metric=["visitors", "bounce_rate"])
print(totals["metrics"]["visitors"]["value"], totals["query"]["period"]["first_day"])
for bucket in get("timeline", period="7d", interval="day", metric="page_views")["buckets"]:
    print(bucket["start"], bucket["values"]["page_views"])
for row in get("breakdown/country", period="7d", limit=10)["rows"]:
    print(row["label"], row["numbers"]["visitors"])"""

    def content_security_policy(self) -> str:
        """Returns the directives that a page's Content-Security-Policy must have."""
        return f"script-src 'self' {self.server}; connect-src 'self' {self.server}; img-src 'self' {self.server}"

    def proxied_tag(self) -> str:
        return self.tag().replace(f"{self.server}/collector.js", f"{PROXY_PREFIX}/app.js")

    def nginx(self) -> str:
        return f"""location = {PROXY_PREFIX}/app.js {{
    proxy_pass {self.server}/collector.js;
    proxy_ssl_server_name on;
}}
location = {PROXY_PREFIX}/collect {{
    proxy_pass {self.server}/collect;
    proxy_ssl_server_name on;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}}"""

    def caddy(self) -> str:
        return f"""handle {PROXY_PREFIX}/app.js {{
	rewrite * /collector.js
	reverse_proxy {self.server} {{
		header_up Host {{upstream_hostport}}
	}}
}}
handle {PROXY_PREFIX}/collect {{
	rewrite * /collect
	reverse_proxy {self.server} {{
		header_up Host {{upstream_hostport}}
	}}
}}"""

    def cloudflare(self) -> str:
        return f"""const paths = {{'{PROXY_PREFIX}/app.js': '/collector.js', '{PROXY_PREFIX}/collect': '/collect'}};

export default {{
  async fetch(request) {{
    const path = paths[new URL(request.url).pathname];
    if (!path) return fetch(request);
    const forwarded = new Request('{self.server}' + path, request);
    forwarded.headers.set('X-Forwarded-For', request.headers.get('CF-Connecting-IP'));
    return fetch(forwarded);
  }},
}};"""
