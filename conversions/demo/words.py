"""The demo's raw material. Everybody is invented; addresses and numbers are those reserved for examples."""


def _words(text: str) -> list[str]:
    return text.split()


FIRST_NAMES = _words(
    "Ada Aisha Aldo Amara Amelie Andre Anouk Ansel Astrid Beatriz Benno Bianca Bruno Camila Carmen Casper Celine Chidi "
    "Clara Cyrus Dalia Daniel Darya Davide Elena Elias Emre Esme Fatima Felix Fiona Flora Gabriel Greta Gustav Hana "
    "Harriet Hector Hugo Ida Ines Isaac Ivana Jana Jasper Joanna Jonas Jules Kaija Karim Katya Kenji Lara Leila Leon "
    "Lina Lorenzo Lucia Maja Malik Marta Mateo Milo Mina Nadia Nikolai Nina Noor Olga Omar Oscar Owen Paula Pedro "
    "Petra Priya Quentin Rafael Rania Remy Rosa Ruben Sana Selma Simon Sofia Stefan Tara Teo Thea Tomasz Uma Viktor "
    "Wanda Xavier Yara Yusuf Zoe"
)
LAST_NAMES = _words(
    "Abbott Adeyemi Almeida Andersen Baker Bauer Becker Bianchi Carvalho Castro Chen Costa Dahl Delgado Dubois "
    "Eriksen Farouk Ferreira Fischer Fontaine Garcia Grant Haddad Hansen Hoffmann Hughes Ibrahim Ivanov Jansen "
    "Keller Khan Kim Kowalski Kruger Larsen Laurent Lehmann Lindqvist Lopez Marin Mendes Meyer Moreau Nair Navarro "
    "Nielsen Novak Okafor Olsen Ortega Ozola Park Patel Pereira Petrov Popescu Quinn Ramos Reyes Ricci Rojas Romano "
    "Rossi Ruiz Sanchez Santos Sato Schmidt Silva Singh Sorensen Suzuki Tanaka Torres Varga Vega Virtanen Vogel Wagner "
    "Walsh Weber Winter Wood Wright Wrona Yilmaz Young Zhang Ziegler"
)
DOMAINS = ("example.com", "example.org", "example.net")

# Area codes with one zone each: with 555-0100 to 555-0199 behind them, numbers that belong to nobody
US_AREAS = {
    "America/New_York": _words(
        "201 202 203 212 215 216 301 302 304 305 315 330 336 401 404 407 410 412 413 434 443 470 508 516 518 540 561 "
        "570 585 603 607 609 610 614 617 631 646 678 703 704 716 717 718 732 754 757 770 772 781 786 803 804 813 828"
    ),
    "America/Chicago": _words(
        "205 210 214 217 224 251 262 281 309 312 314 316 318 319 320 331 334 337 361 402 405 409 414 417 469 479 501"
    ),
    "America/Denver": _words("303 307 385 406 435 505 719 720 801 970"),
    "America/Los_Angeles": _words(
        "206 209 213 253 310 323 360 408 415 425 503 509 510 530 559 562 619 626 650 661 702 707 714 760 805 818 831"
    ),
}
UK_AREAS = ("2079460", "1214960", "1314960", "1614960", "1174960", "1134960")  # 000 to 999 behind each
EUROPE = ("Europe/Berlin", "Europe/Madrid", "Europe/Warsaw", "Europe/Riga", "Europe/Paris")

SOURCES = (("API", 34), ("CRM", 20), ("UPLOAD", 28), ("MANUAL", 6), ("LANDING", 12))
PLANS = ("Basic", "Plus", "Family", "Studio")

REPLIES = (
    "Yes, call me after five please",
    "Can I still use the code from Friday?",
    "How long does a withdrawal take?",
    "ok interested",
    "Please send it to my other address",
    "I moved abroad, does my plan still work?",
    "What happens to my points if I pause?",
    "Is there a yearly price as well?",
    "Thanks, I will look at it tonight",
    "My card expired, where do I change it?",
)
CALL_NOTES = ("Asked for a callback", "Wants the offer by e-mail", "Will decide after the weekend")
IMPORTS = (("members_archive.csv", 172), ("crm_export.csv", 128), ("partners.xlsx", 61), ("trade_fair_scans.csv", 12))
