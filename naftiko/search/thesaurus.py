"""A word or a phrase of a question -> the words that the texts may have for it.

::

    synonyms()["buy"]            order, purchas, …: roots of nearly the same meaning
    take the disk off the rack   remove detach disconnect the disk the rack

The words are those of HTTP APIs of every field: what is done, and what it is done to.
No word stands here for one API alone. This module must not know the texts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

from naftiko.search.words import root

_SILENT = """
    a about again all already also am an and any anybody anyone anything are as at be
    been being but by can cannot could currently did do docs does doesn doing don done
    each else ever every from for give given going had has have having he help her here
    his how i if in inside into is isn it its just kind let like ll long look may maybe
    me might mine moment much must my need needs nice no not now of off on one ones only
    onto or our out over own please possible right second shall she should so some
    somebody someone something soon such take than that the their them then there these
    they thing things this those to today too under up us ve very via want wants was way
    we were what when where which while who whose why will wish with within without
    would yes yet you your
"""
#: Words that say nothing about what is asked for.
EMPTY = frozenset(_SILENT.split())

#: Words for what is done. Words of a line have nearly the same meaning, and a word may
#: stand on several lines. Left of `>`: words that mean those on the right, which do not
#: mean them.
_ACTIONS = """
    remove delete erase drop destroy discard rid scrap trash uninstall unlink rm del
    nuke obliterate eliminate kill demolish dispose toss dump > remove delete
    ditch axe chuck bin zap exterminate annihilate > remove delete
    remove undeploy dismantle evict expel kick ban eject
    cancel abort undo revoke revert withdraw annul return refund rescind
    cancel undo refund return abort > delete remove
    prune clean cleanup clear wipe purge free flush empty tidy sweep reclaim
    prune clean cleanup clear wipe purge > remove delete
    free flush empty tidy sweep reclaim > remove delete
    reclaim cleanup tidy sweep > unused
    garbage orphaned dangling stale obsolete old junk leftover > unused prune
    spare idle abandoned outdated > unused
    create make new add generate insert register define form
    provision deploy schedule open issue spawn introduce launch compose > create start
    roll rollout > update upgrade deploy
    ship > push send publish deploy
    init initialize initiate bootstrap start begin
    init bootstrap found > create new
    build compile assemble construct bake
    build construct > create make
    add install store append attach put include
    add > join connect
    save store keep stash put > create add
    order buy purchase acquire checkout reserve shop
    buy purchase checkout reserve pay spend > create
    sell offer > list
    list show enumerate browse catalogue catalog overview display view find index ls dir
    sold available existing present > list
    get show read fetch retrieve view see display lookup tell detail
    inspect show detail info information describe everything examine view get read
    metadata property attribute full > inspect detail show
    analyze analyse audit review > inspect show info
    study explain summarize summary report > inspect show info
    reveal present expose disclose > show get
    peek check see > show inspect
    status state condition progress > get show inspect
    search find lookup query seek discover locate match filter
    discover browse locate > list
    count many number > list
    start run launch boot begin ignite
    launch spawn > create
    stop halt end terminate kill shutdown finish
    stop halt terminate close quit > stop end cancel
    force forcibly abruptly immediately > kill
    signal interrupt sigkill sigterm sighup > kill send
    restart reboot bounce reload relaunch cycle
    revive resurrect respawn recover > restart start restore
    update change edit modify alter adjust amend set replace correct tweak
    configure setup customize setting > set update change
    upgrade update patch bump renew
    scale raise increase decrease lower > update change
    limit grow shrink cap restrict constrain > update change
    maintenance > drain availability update
    throttle drain promote demote rotate move reassign > update change
    pull download fetch get grab obtain
    clone sync mirror > pull download copy
    push upload publish release
    share > push publish send export
    upload put send copy import transfer inject
    move transfer migrate > export save import load
    edit overwrite > put upload
    download copy export save fetch extract
    export save backup dump archive
    import load restore ingest
    unpack untar unzip extract > upload load
    pause freeze suspend hold
    sleep stall > pause suspend stop
    hibernate > pause
    unpause resume unfreeze thaw continue wake
    connect attach join link plug wire
    reach access hook > connect attach
    disconnect detach unplug unlink separate
    cut sever isolate > disconnect detach
    expose mount bind > connect attach publish
    persist persistent permanent durable > volume storage store
    leave exit quit abandon depart
    evacuate > drain leave
    retire resign > leave remove
    join enter enroll enlist participate > add
    enroll enlist > join
    become > join
    member participant > list
    enable activate
    disable deactivate
    exec execute run invoke perform
    exec execute ssh shell bash command script
    check verify test validate probe confirm
    ping alive health reachable heartbeat responsive healthcheck
    work working broken healthy > ping health check status
    online uptime responding reply > ping health check status
    login authenticate auth credential signin
    hide protect encrypt vault > secret create
    logout signout > logout leave revoke
    tag retag label mark
    alias nickname > name tag rename
    commit snapshot capture
    template blueprint > commit image create
    rename retitle name
    wait await finish until block
    watch monitor follow stream event observe subscribe listen
    happen activity occur action timeline feed notification > event watch
    track > get follow status history
    log tail output print console stdout stderr journal
    error crash fail failure debug troubleshoot > log status
    wrote printed said emitted > log output
    send submit post mail dispatch deliver
    message notify text > send
    reply answer respond
    cp copy duplicate
    ps > list process
    top > process usage
    df du > disk usage
    whoami > user account profile identity info version
    unlock open
    approve accept grant allow
    reject decline deny refuse
    sort rank compare > list
    recommend suggest > search list
    translate convert transform
    upvote star favourite favorite bookmark
    assign allocate
"""
#: The same for things and their properties.
_THINGS = """
    stats statistic usage consumption metric measure performance telemetry
    utilization utilisation footprint bandwidth latency > usage stats
    load traffic throughput busy resource > usage stats
    resource > cpu memory limit
    process top task job
    file folder directory document path
    filesystem fs > file system disk
    archive tar tarball zip bundle
    author writer novelist creator write poet
    pen publish > author write
    book novel title
    story fiction literature publication bestseller paperback > book
    copies copy > quantity replica service
    customer client buyer shopper
    user member person people account profile
    price cost fee amount
    cheap cheaper cheapest expensive pricey discount euro dollar money > price cost
    purchase transaction shipment delivery package parcel invoice receipt > order
    shipped delivered arrived > status order
    sum amount bill > total price order
    item product article good goods sku
    cart basket
    payment charge
    stock inventory supply available
    stock inventory supply range assortment > list
    genre category topic subject theme kind
    crime thriller mystery romance horror poetry fantasy > genre
    country nation nationality origin land homeland born birthplace
    city town place location
    address location
    repo repository
    message mail email
    comment note remark
    picture photo > image
    config configuration setting option preference
    password secret credential token passphrase sensitive confidential
    token passphrase > key
    key > secret credential token
    permission privilege right access grant
    cluster swarm fleet
    node machine host server worker manager
    computer laptop box > machine host system
    instance replica > service task
    app application program workload deployment > service container
    vm pod > container instance
    leader primary peer > node member
    variable env > environment
    hostname ip url endpoint > address host
    creds > credential
    replica instance > scale update
    issue ticket bug
    memory ram
    disk storage space
    capacity room full > space usage
    eat eating hog consume consuming > usage stats
    occupy > usage space
    data > volume file storage
    cpu processor core
    forecast weather prediction
    package library module
    plugin extension addon
    change diff difference delta modification
    modified altered touched > change
    size resize width height dimension big
    row column > size
    terminal tty console window
    network subnet net lan
    volume mount > volume storage
    registry hub > registry repository
    daemon engine > system server
    history layer > history layer
    ancestor step > history
    version release edition
    latest newest recent current > latest new list
    date day time
    id identifier number
    digest hash checksum sha
    platform architecture arch os
    info information detail about
    detail spec specification
    role rank
    availability > status update
    exit code result > exit code
    team group organization
    event meeting appointment
    branch fork
    video clip movie film
    song track music
"""

#: Exact phrases and what they mean instead.
_PHRASES = {
    "who am i": "whoami",
    "talking to": "version info",
    "talk to": "connect version",
    "get out of": "leave",
    "up and running": "running healthy",
    "up to date": "version update",
    "in use": "used",
    "going on": "happen",
    "come from": "country origin",
    "comes from": "country origin",
    "came from": "country origin",
    "made of": "layer content",
    "made from": "layer history",
    "made up of": "layer content",
    "changed my mind": "cancel",
    "any more": "cancel",
    "never mind": "cancel",
    "don t want": "cancel",
    "do not want": "cancel",
    "no longer want": "cancel",
    "don t need": "unused",
    "do not need": "unused",
    "no longer need": "unused",
    "no longer needed": "unused",
    "like to have": "order create",
    "api key": "secret credential",
    "put to sleep": "pause",
    "talk to each other": "connect",
    "anymore": "cancel",
    "how full": "usage",
    "how big": "size",
    "how large": "size",
    "how many": "count",
    "where is": "status",
    "file system": "filesystem",
    "left over": "unused",
    "leftover": "unused",
    "not used": "unused",
    "no longer used": "unused",
    "nobody uses": "unused",
    "no one uses": "unused",
    "not running": "stopped",
}

#: Verbs and their particles, which up to three words may separate.
_PHRASAL = """
    back up: backup; blow away: remove; boot up: start; bring back: restart restore
    bring down: stop; bring up: start; call off: cancel; carry on: continue
    check out: checkout; clean out: clean; clean up: clean; clear out: clear
    close down: stop; copy from: copy download; copy into: copy upload
    copy to: copy upload; cut from: disconnect; cut off: disconnect
    fetch from: fetch download; find out: show; fire up: start
    get back: restore return; get off: remove detach; get onto: upload
    get out: download; get rid: remove; give back: return; hang on: wait
    hold on: wait; hook up: connect; kick off: start; kick out: remove
    leave out: remove; log in: login; log into: login; log on: login; log out: logout
    look at: inspect; look for: find; look into: inspect; look up: find
    pick up: resume; pull down: pull; put in: upload add; put into: upload add
    put on: add; put onto: upload add; put out: stop; rip out: remove
    roll back: rollback revert update; roll out: update deploy; run inside: run exec
    run within: run exec; save as: save commit; scale down: scale; scale up: scale
    send back: return; set up: create; ship into: upload; shut down: stop
    shut off: stop; sign in: login; sign into: login; sign on: login; sign out: logout
    sign up: register; spin down: stop; spin up: create start; start over: restart
    start up: start; step down: leave; step out: leave; strip off: remove
    swap out: replace; switch off: disable; switch on: enable; take away: remove
    take back: return; take down: stop remove; take from: download remove
    take off: disconnect detach remove; take out: remove leave; tear down: remove
    throw away: remove; throw out: remove; tidy up: clean; turn into: convert create
    turn off: disable; turn on: enable; wake up: resume; wipe out: wipe
    write down: create
"""


def plain(words: list[str]) -> list[str]:
    """Return the words of a question with single words in place of its phrases.

    `take web off the network` -> `remove detach disconnect web the network`.
    """
    text = _phrases().sub(lambda found: _PHRASES[found[0]], " ".join(words))
    words = text.split()
    verbs = _separable()
    for place in range(len(words) - 1):
        particles = verbs.get(root(words[place]), {})
        for other in range(place + 1, min(place + 5, len(words))):
            if words[other] in particles:
                words[place] = particles[words[other]]
                words[other] = ""
                break
    return " ".join(words).split()


@cache
def synonyms() -> dict[str, frozenset[str]]:
    """Return root -> the roots of its synonyms."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in (_ACTIONS + _THINGS).splitlines():
        left, _, right = line.partition(">")
        given = list(map(root, left.split()))
        meant = set(map(root, (right or left).split()))
        for word in given:
            found[word] |= meant - {word}
    return {word: frozenset(others) for word, others in found.items()}


@cache
def actions() -> frozenset[str]:
    """Return the roots of the words for what is done."""
    lines = (line.partition(">")[0] for line in _ACTIONS.splitlines())
    return frozenset(root(word) for line in lines for word in line.split())


@cache
def _phrases() -> re.Pattern[str]:
    longest_first = sorted(_PHRASES, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(longest_first)})\b")


@cache
def _separable() -> dict[str, dict[str, str]]:
    """Return root of a verb -> particle -> what both mean together."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for pair in filter(str.strip, re.split("[;\n]", _PHRASAL)):
        words, _, meant = pair.partition(":")
        verb, particle = words.split()
        found[root(verb)][particle] = meant.strip()
    return found
