"""The web server's way in: any ASGI server"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retention_center.settings")
application = get_asgi_application()
