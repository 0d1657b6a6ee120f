"""The roads by which reports come in, and the mailboxes elsewhere that are watched for them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from domains.forms import ConfirmForm, PanelForm
from domains.models import MailboxSecurity, ReportMailbox
from domains.names import to_unicode
from domains.services import report_folder
from domains.services import report_mailboxes as service
from domains.services.provision import domains_for
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, url

_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class MailboxForm(PanelForm):
    """A folder of an IMAP account; tried out at the server, so it is not sent twice for nothing."""

    once = None  # type: ignore[assignment]
    host = forms.CharField(
        label=gettext_lazy("IMAP server"),
        max_length=253,
        help_text=gettext_lazy("Its name, as it stands in its certificate."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    port = forms.IntegerField(label=gettext_lazy("Port"), initial=993, min_value=1, max_value=65535)
    security = forms.ChoiceField(label=gettext_lazy("Protection"), choices=MailboxSecurity.choices, required=False)
    user = forms.CharField(
        label=gettext_lazy("User name"), max_length=320, widget=forms.TextInput(attrs=_PLAIN | {"type": "text"})
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=1000,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    folder = forms.CharField(label=gettext_lazy("Folder"), max_length=200, initial="INBOX")
    move_to = forms.CharField(
        label=gettext_lazy("Move taken messages to"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("A folder that exists. Left empty, messages stay where they are, unread."),
    )
    trusted_results = forms.CharField(
        label=gettext_lazy("Whose authentication results are believed"),
        max_length=253,
        required=False,
        help_text=gettext_lazy(
            "The name that this server writes first into Authentication-Results, such as mx.example.org. Left empty, "
            "reports from here count as not authenticated."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    domain = forms.ChoiceField(
        label=gettext_lazy("For which domain"),
        required=False,
        help_text=gettext_lazy("Reports on others are not taken from this mailbox."),
    )
    enabled = forms.BooleanField(label=gettext_lazy("Look every five minutes"), required=False, initial=True)


def _form(request: HttpRequest, row: ReportMailbox | None) -> MailboxForm:
    names = ("host", "port", "security", "user", "folder", "move_to", "trusted_results", "enabled")
    initial = {name: getattr(row, name) for name in names} if row else {}
    initial |= {"domain": row.domain.name if row and row.domain else request.GET.get("domain", "")}
    form: MailboxForm = bound(request, MailboxForm, initial=initial)
    act = act_of_request(request)
    choices = [(name, to_unicode(name)) for name in domains_for(act).values_list("name", flat=True)]
    every = [("", _("All domains"))] if act.domain_ids is None else []
    form.fields["domain"].choices = [*every, *choices]  # type: ignore[attr-defined]
    if row is not None:
        form.fields["password"].help_text = _("Left empty, the one that is kept stays.")
    return form


def roads(request: HttpRequest) -> HttpResponse:
    """Show how reports come in, and the watched mailboxes."""
    act = act_of_request(request)
    shown = {
        "mailboxes": list(service.mailboxes_for(act)),
        "folder": report_folder.standing() if act.is_superadmin else None,
        "may_set": act.is_superadmin,
    }
    return render(request, "domains/report_roads.html", shown)


def _page(request: HttpRequest, row: ReportMailbox | None) -> HttpResponse:
    form = _form(request, row)

    def keep(data: dict[str, Any]) -> HttpResponse:
        data["security"] = data["security"] or MailboxSecurity.TLS
        kept = service.set_mailbox(act_of_request(request), row.pk if row else None, **data)
        said = (
            _("The mailbox can be read, and is watched.") if kept.enabled else _("The mailbox is kept, not watched.")
        )
        return done(request, said, "report-roads")

    shown = {
        "title": _("Change a watched mailbox") if row else _("Watch a mailbox elsewhere"),
        "lead": _(
            "A folder that already receives reports is looked at every five minutes. It is tried out first; the "
            "password is kept sealed."
        ),
        "button": _("Try it out and keep it"),
        "back": url("report-roads"),
        "back_label": _("Roads of reports"),
    }
    return answered(request, form, keep) or form_page(request, "components/form_page.html", form, **shown)


def add(request: HttpRequest) -> HttpResponse:
    """Watch one more mailbox."""
    return _page(request, None)


def change(request: HttpRequest, identifier: int) -> HttpResponse:
    """Change a watched mailbox."""
    return _page(request, service.get_mailbox_for(act_of_request(request), identifier))


@require_POST
def look(request: HttpRequest, identifier: int) -> HttpResponse:
    """Try a mailbox now, and say in words what was seen."""
    tried = service.try_mailbox(act_of_request(request), identifier)
    if tried.fault:
        messages.error(request, tried.fault)
    else:
        text = ngettext(
            "The mailbox can be read; the folder holds %(count)d message.",
            "The mailbox can be read; the folder holds %(count)d messages.",
            tried.messages,
        )
        messages.success(request, text % {"count": tried.messages})
    return redirect("report-roads")


def delete(request: HttpRequest, identifier: int) -> HttpResponse:
    """Ask, then watch a mailbox no more."""
    act = act_of_request(request)
    row = service.get_mailbox_for(act, identifier)
    form = bound(request, ConfirmForm)

    def forget(data: dict[str, Any]) -> HttpResponse:
        service.delete_mailbox(act, identifier)
        return done(request, _("The mailbox is watched no more."), "report-roads")

    return answered(request, form, forget) or confirm(
        request,
        form,
        title=_("Stop watching %(user)s at %(host)s?") % {"user": row.user, "host": row.host},
        text=_("Its password is forgotten. What was taken in stays, and so do the messages there."),
        button=_("Stop watching"),
        back=url("report-roads"),
    )
