"""How a page is built here.

The frame: templates extend ``base.html`` and fill ``thing`` (the title's beginning: "Amara Okafor - Leads"), ``crumbs``
(``{% include "components/crumbs.html" with crumbs=crumbs only %}``, each has ``label`` and ``href``) or just ``crumb``,
``heading`` (the h1), ``state`` (one line under it), ``actions`` (primary button last), ``content``, and where wanted
``foot`` (``<footer class="foot">``), ``dialogs``, ``css``, ``js``. Or fill ``page`` and write the whole main part.

A list is a ``ListPage``; all it shows is in the address, and htmx gets only its table::

    class LeadList(ListPage):
        name, title, one, many = "leads", "Leads", "lead", "leads"
        filterset_class = LeadFilter               # django-filter; its text search is the filter named ``search``
        cells = "leads/_cells.html"                # {% partialdef status %}{% status row %}{% endpartialdef %} ...
        columns = [
            Column("name", "Lead", sort=("last_name", "first_name"), value=str, place="lead"),
            Column("status", "Status", sort="status", place="state"),
            Column("next", "Next contact and why", sort=F("next_at").asc(nulls_first=True), place="reason"),
        ]
        filter_choices = {"campaignId": lambda: Campaign.objects.values_list("pk", "name")}  # names for filters by id
        default_sort = "next"                      # a column's key; "-next" runs downwards
        presets = [Preset("Do not contact", "status=DO_NOT_CONTACT")]
        bulk_actions = [BulkAction("Do not contact", "leads-stop", is_danger=True)]
        template_name = "leads/list.html"          # extends "pages/list.html": ``actions``, ``nothing``, ``above``

        def rows(self): return Lead.objects.present().with_next_contact()

    path("leads/", LeadList.as_view(), name="leads")
    picked = LeadList.selection(request)           # in the bulk view: rows, count, ids, query, is_everything

A form is shown and answered by ``forms.answer_form(request, form, template, save)``: 422 with what was typed, 409 with
both values when a ``VersionedForm`` is stale. Its template: ``<form method="post" class="form" data-watch>
{% csrf_token %}{% include "components/problems.html" %}{% for f in form %}{% field f %}{% endfor %}``, then buttons;
``data-watch`` warns before leaving, Ctrl-Enter saves.

Views: ``@needs(Role.OPERATOR)`` on every one; ``is_partial`` / ``pick_template`` for htmx, with ``Vary: HX-Request``; a
missing thing raises Http404; ``errors.problem_page(request, "409", sentence)`` for a refused move outside a form.

Words and marks (``{% load rc %}``): ``{% icon "plus" %}`` ``{% status lead %}`` ``{% status "Check" "OK" "Ready" %}``
``{% shape "triangle" "hold" %}`` ``{{ at|ago }}`` ``{{ at|when }}`` ``{{ at|when:"planned" }}`` ``{{ n|number }}``
``{{ sum|money:currency }}`` ``{% rate part whole %}`` ``{{ n|plural:"reply,replies" }}`` ``{{ "SMS"|channel_icon }}``
``{% query sort="name" %}`` ``{% section title="Failures" note="7 days" %}..{% endsection %}`` ``{% chart drawn %}``.
Layout classes: ``columns with-side|with-wide-side|halves|wide-narrow``, ``section``, ``rows``, ``panel``, ``notice``,
``table two-line plain``, ``pair`` (icon, fact, reason), ``second``, ``door``, ``figures``, ``timeline``, ``strip``.
Every component stands with sample data on ``/style/`` (admins, or DEBUG). Confirm dialogs: a button with
``data-opens="id"`` and ``components/dialog.html``. No ``style=""``, no inline script: bars are SVG attributes.
"""
