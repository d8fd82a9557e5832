# SPDX-License-Identifier: Apache-2.0
# browsing.py: a real browser, pages of another origin for it, and the guide's code in one of them.
import http.server
import shutil
import threading

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from serving import ROOT

WAIT = 20
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser():
    options = Options()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                 "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", "--disable-extensions", "--disable-default-apps"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    assert DRIVER, "chromium-driver is not installed: tools/setup.sh test"
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    driver.set_page_load_timeout(WAIT)
    driver.set_script_timeout(WAIT)
    yield driver
    driver.quit()


@pytest.fixture
def page():
    """page(html) serves it on a port of its own, which is another origin, and gives its address."""
    servers = []

    def serve(html):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(html.encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://localhost:{server.server_address[1]}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def until(browser, script, what):
    return WebDriverWait(browser, WAIT, 0.05).until(lambda b: b.execute_script("return " + script),
                                                    what)


# Only what the guide leaves to the reader: the three functions it calls, and reconnect.
AROUND = """<!DOCTYPE html><meta charset="utf-8"><title>guide</title><script>
var calls = [], logs = [], reconnects = 0;
var updateUIPermissions = (data) => calls.push(['updateUIPermissions', data]);
var refreshUserRoles = () => calls.push(['refreshUserRoles']);
var showSecurityAlert = (data) => calls.push(['showSecurityAlert', data]);
var reconnect = () => { reconnects += 1; };
console.log = (...words) => logs.push(words);
</script><script>
%s
</script>"""


def guide_page(port, token):
    code = (ROOT / "tests" / "fixtures" / "guide.js.txt").read_text(encoding="utf-8")
    assert code.count("your_jwt_token_here") == 1 and code.count("localhost:8000") == 1
    return AROUND % code.replace("your_jwt_token_here", token).replace("localhost:8000",
                                                                       f"localhost:{port}")
