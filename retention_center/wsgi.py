"""The web server's way in: gunicorn retention_center.wsgi"""

import os

from django.core.wsgi import get_wsgi_application

from retention_center.lib.bodies import WholeBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retention_center.settings")
application = WholeBodies(get_wsgi_application())
