"""Texts of the chat, in each language."""

from collections.abc import Mapping

TEXTS: Mapping[str, Mapping[str, str]] = {
    # --- signs
    "comma": {"en": ", ", "zh": "、"},
    "stop": {"en": ".", "zh": "。"},
    "sentences": {"en": " ", "zh": ""},
    # --- hello
    "about": {
        "en": "I send new papers that match your keywords: what each is about, the words that matched, and quizzes to "
        "test what you read.",
        "zh": "有论文匹配你的关键词，我就发给你：它讲了什么、匹配了哪些词，还有检验阅读的小测验。",
    },
    "hello": {"en": "Hello!", "zh": "你好！"},
    "begin": {
        "en": "Tell me what to look for, such as:  /add retrieval augmented generation",
        "zh": "写下你要找的内容，例如：/add retrieval augmented generation",
    },
    "begin.search": {
        "en": "Any other text is taken as a search. /help lists all commands.",
        "zh": "直接发文字就是搜索。/help 列出全部命令。",
    },
    "welcome back": {
        "en": "Welcome back. What came in meanwhile is on its way.",
        "zh": "欢迎回来。这段时间攒下的论文现在发来。",
    },
    "subscribed": {"en": "This chat is subscribed to ", "zh": "本聊天已订阅："},
    "subscribed.rest": {
        "en": "/list shows the details, /latest the newest papers; /stop stops sending.",
        "zh": "/list 查看详情，/latest 查看最新论文，/stop 停止发送。",
    },
    "link.wrong": {
        "en": "I cannot read this link, so nothing was changed.",
        "zh": "这个链接无法识别，没有做任何更改。",
    },
    "link.question": {"en": "The link offers this subscription:", "zh": "链接里的订阅："},
    "help.marks": {
        "en": "Marks: ◆2 found in two sources · ❔ has a quiz · 🔎 what matched\nButtons: ✎ change · ⏸ pause · ▶ resume · ⇄ another topic · ✕ remove",
        "zh": "标记：◆2 两个来源都有 · ❔ 有测验 · 🔎 匹配之处\n按钮：✎ 修改 · ⏸ 暂停 · ▶ 恢复 · ⇄ 换话题 · ✕ 删除",
    },
    "help.admins": {
        "en": "In groups only administrators change things.",
        "zh": "在群组里，只有管理员能更改设置。",
    },
    "unknown": {"en": "I do not know /", "zh": "没有这个命令：/"},
    "unknown.near": {"en": "Did you mean /{near}?", "zh": "你是想用 /{near} 吗？"},
    "unknown.rest": {"en": "/help lists all commands.", "zh": "/help 列出全部命令。"},
    "not allowed": {
        "en": "Only administrators of this chat can do that.",
        "zh": "只有本聊天的管理员能这样做。",
    },
    "too fast": {
        "en": "That is a lot at once. Please try again in a minute.",
        "zh": "一下子太多了，请过一分钟再试。",
    },
    "dead button": {
        "en": "This button no longer works: what it was about is gone.",
        "zh": "这个按钮已失效：对应的内容不在了。",
    },
    "as chat": {
        "en": "You are posting as the chat itself. Please ask as yourself.",
        "zh": "你正以整个聊天的身份发言，请换成自己的身份再试。",
    },
    "private only": {
        "en": "That is private: ask me in our private chat.",
        "zh": "这是私人内容，请私聊我。",
    },
    # --- subscribing
    "add.usage": {
        "en": 'Write what to look for, such as:\n/add rag AND NOT survey\n/add "tool use" OR agents\n/add author: Ghanem',
        "zh": '写下要找的内容，例如：\n/add rag AND NOT survey\n/add "tool use" OR agents\n/add author: Ghanem',
    },
    "preview.one": {
        "en": " would have brought 1 paper in {span}:",
        "zh": " 在过去 {span}里匹配 1 篇论文：",
    },
    "preview.many": {
        "en": " would have brought {count} papers in {span}, {frequency}:",
        "zh": " 在过去 {span}里匹配 {count} 篇论文，{frequency}：",
    },
    "preview.one day": {
        "en": " would have brought {count} papers in 1 day:",
        "zh": " 在过去 1 天里匹配 {count} 篇论文：",
    },
    "preview.none": {
        "en": " would have brought nothing in {span}, among {papers} papers.",
        "zh": " 在过去 {span}里没有匹配的论文（共 {papers} 篇）。",
    },
    "preview.span.one": {"en": "1 day", "zh": "1 天"},
    "preview.span.many": {"en": "{days} days", "zh": "{days} 天"},
    "preview.flood": {
        "en": "⚠ That is {share} % of everything: narrow it with AND, or leave things out with NOT.",
        "zh": "⚠ 占全部论文的 {share} %：可用 AND 收窄，或用 NOT 排除。",
    },
    "preview.no papers": {
        "en": "There are no papers here yet, so I cannot tell what it will bring.",
        "zh": "这里还没有论文，暂时看不出会匹配到什么。",
    },
    "preview.better": {"en": "Also try ", "zh": "也可以试试 "},
    "preview.better.count": {"en": ": {count} papers.", "zh": "：{count} 篇。"},
    "preview.near": {"en": "Near misses, each lacking one term:", "zh": "只差一个词："},
    "preview.without": {"en": "without ", "zh": "缺少 "},
    "preview.excluded": {"en": "left out by NOT ", "zh": "被 NOT 排除："},
    "frequency.day": {"en": "about {count} a day", "zh": "每天约 {count} 篇"},
    "frequency.week": {"en": "about {count} a week", "zh": "每周约 {count} 篇"},
    "frequency.month": {"en": "about {count} a month", "zh": "每月约 {count} 篇"},
    "frequency.year": {"en": "about {count} a year", "zh": "每年约 {count} 篇"},
    "query.wrong": {"en": "I cannot read this: {why}", "zh": "看不懂这个查询：{why}"},
    "button.keep": {"en": "Keep", "zh": "保留"},
    "button.both": {"en": "Keep both spellings", "zh": "两种写法都保留"},
    "button.edit": {"en": "Edit", "zh": "修改"},
    "button.cancel": {"en": "Cancel", "zh": "取消"},
    "button.subscribe": {"en": "Subscribe to this", "zh": "订阅这个"},
    "button.more": {"en": "More", "zh": "更多"},
    "kept": {"en": "Kept: ", "zh": "已保留："},
    "kept.rest": {
        "en": "The newest matches come soon, then new ones as they appear. /list shows all.",
        "zh": "已有论文中最新的几篇很快就发来，之后有新论文再发。/list 查看全部订阅。",
    },
    "kept.already": {"en": "You have this already: ", "zh": "已经订阅了："},
    "kept.wins": {
        "en": "The configuration file has a subscription of this name, which takes precedence.",
        "zh": "配置文件中有同名订阅，以配置文件为准。",
    },
    "cancelled": {"en": "Cancelled: nothing was changed.", "zh": "已取消，没有改动。"},
    "edit.ask": {
        "en": "Send me the new query for ",
        "zh": "请发来新的查询，用来替换 ",
    },
    "edit.placeholder": {"en": "new query", "zh": "新的查询"},
    "edited": {"en": "Changed: ", "zh": "已修改："},
    "not open": {
        "en": "Subscribing here needs the operator's approval. I have asked and will tell you the answer.",
        "zh": "在这里订阅需要批准。我已经问过运营者，有答复就告诉你。",
    },
    "not open.waiting": {"en": "The operator has been asked already.", "zh": "已经问过运营者了。"},
    "not open.refused": {
        "en": "The operator has declined subscriptions from here.",
        "zh": "运营者拒绝了来自这里的订阅。",
    },
    "not open.nobody": {
        "en": "Only the operator of this bot can add subscriptions. This chat's ID is ",
        "zh": "订阅由运营者添加。本聊天的 ID 是 ",
    },
    "ask.operator": {"en": "{who} would like to subscribe to ", "zh": "{who} 想订阅 "},
    "button.allow": {"en": "Allow", "zh": "允许"},
    "button.refuse": {"en": "Refuse", "zh": "拒绝"},
    "ask.allowed": {"en": "Allowed.", "zh": "已允许。"},
    "ask.refused": {"en": "Refused.", "zh": "已拒绝。"},
    "admitted": {"en": "Your request was approved.", "zh": "申请通过了。"},
    # --- list
    "list.none": {"en": "There are no subscriptions here yet.", "zh": "这里还没有订阅。"},
    "list.configured": {
        "en": " · from the configuration file (can only be changed there)",
        "zh": " · 来自配置文件（只能在文件里修改）",
    },
    "list.wins": {
        "en": " · also made here, but the configuration file takes precedence",
        "zh": " · 这里也建过同名的：以配置文件为准",
    },
    "list.paused": {"en": " ⏸ paused", "zh": " ⏸ 已暂停"},
    "list.general": {"en": "General", "zh": "常规"},
    "list.topic": {"en": "topic {name}", "zh": "话题 {name}"},
    "list.elsewhere": {"en": "elsewhere", "zh": "发到别处"},
    "list.page": {"en": "{first}–{last} of {count}", "zh": "第 {first}–{last} 个，共 {count} 个"},
    "list.excluded": {"en": "Always left out: ", "zh": "一律排除："},
    "list.snoozed": {"en": "😴 Snoozed until {until}.", "zh": "😴 暂停到 {until}。"},
    "list.stopped": {
        "en": "Sending was stopped by /stop; /start resumes it.",
        "zh": "/stop 之后已停止发送；/start 可恢复。",
    },
    "remove.which": {
        "en": "Which one? Press ✕, or write /remove with its number or name.",
        "zh": "删除哪个？点 ✕，或写 /remove 加编号或名称。",
    },
    "removed": {"en": "Removed: ", "zh": "已删除："},
    "gone": {"en": "It no longer exists.", "zh": "它已经不在了。"},
    "configured": {
        "en": "It is in the configuration file and can only be changed there; here you can pause it.",
        "zh": "它写在配置文件里，只能在文件里修改；在这里可以暂停。",
    },
    "route.where": {"en": "Where should it go? ", "zh": "发到哪里？"},
    "routed": {"en": "It goes there from now on.", "zh": "今后发到那里。"},
    "too many": {
        "en": "There are {most} already; remove some first.",
        "zh": "已有 {most} 个，请先删除一些。",
    },
    "too long": {"en": "A query has at most {most} characters.", "zh": "查询最多 {most} 个字符。"},
    "taken": {"en": "You have one with that name already: /list", "zh": "已有同名的订阅：/list"},
    # --- search
    "search.usage": {
        "en": "Write what to search for, such as:  /search diffusion",
        "zh": "写下要搜索的内容，例如：/search diffusion",
    },
    "search.text": {"en": "That is not a command, so I searched:", "zh": "这不是命令，我按搜索处理："},
    "search.words": {
        "en": "I can only search for words. /help lists all commands.",
        "zh": "我按文字搜索。/help 列出全部命令。",
    },
    "search.paper": {"en": "I have this paper:", "zh": "已收录这篇论文："},
    "search.no paper": {
        "en": "I do not have this paper: no source has mentioned it yet.",
        "zh": "还没有收录这篇论文：没有来源提到过它。",
    },
    "search.none": {"en": "Nothing found.", "zh": "没有找到。"},
    "search.found": {"en": "{first}–{last} of {count}", "zh": "第 {first}–{last} 篇，共 {count} 篇"},
    "latest": {"en": "The latest papers for this chat", "zh": "本聊天的最新论文"},
    "latest.all": {"en": "The latest papers", "zh": "最新论文"},
    "latest.none": {
        "en": "Nothing yet. I will write as soon as a paper matches.",
        "zh": "还没有。一有匹配的论文我就发来。",
    },
    # --- settings
    "fixed": {
        "en": "This is set in the configuration file and can only be changed there.",
        "zh": "这一项由配置文件设定，只能在文件里修改。",
    },
    "digest.now": {"en": "Papers come ", "zh": "论文："},
    "digest.how": {
        "en": "Press a button, or write another time, such as:\n/digest hourly\n/digest on Sundays at 18:30",
        "zh": "点一个，或写别的时间，例如：\n/digest 每小时\n/digest 每周日 18:30",
    },
    "digest.set": {"en": "From now on papers come {when}.", "zh": "今后论文：{when}。"},
    "quizzes.now": {"en": "Quizzes: ", "zh": "测验："},
    "quizzes.all": {"en": "every question, below its paper", "zh": "每道题都发在论文下面"},
    "quizzes.one": {"en": "one question a paper", "zh": "每篇论文一道题"},
    "quizzes.on_request": {"en": "when you press Quiz me", "zh": "点“考考我”时"},
    "quizzes.none": {"en": "only when you write /quiz", "zh": "只在你写 /quiz 时"},
    "quizzes.how": {
        "en": "Questions make no sound. /quiz asks one at any time.",
        "zh": "题目不会响提示音。随时可用 /quiz 来一道。",
    },
    "quizzes.which": {
        "en": "Quizzes can be all, one, on request or none.",
        "zh": "可选 all、one、on request 或 none。",
    },
    "button.quizzes": {"en": "❔ Quizzes", "zh": "❔ 测验"},
    "button.quizzes all": {"en": "All", "zh": "全部"},
    "button.quizzes one": {"en": "One a paper", "zh": "每篇一道"},
    "button.quizzes on_request": {"en": "On request", "zh": "按需"},
    "button.quizzes none": {"en": "None", "zh": "不要"},
    "digest.weekly on": {"en": "A look back comes every week.", "zh": "每周会有一次回顾。"},
    "digest.weekly off": {"en": "No weekly look back.", "zh": "没有每周回顾。"},
    "times": {
        "en": "I cannot read that time. Write it like this: /digest every day at 08:00",
        "zh": "看不懂这个时间。可以写成：/digest 每天 08:00",
    },
    "quiet.now": {"en": "Quiet hours: {hours} ({zone}).", "zh": "免打扰时间：{hours}（{zone}）。"},
    "quiet.none": {"en": "No quiet hours.", "zh": "没有免打扰时间。"},
    "quiet.how": {
        "en": "Write /quiet 22:00-07:00 or /quiet off.",
        "zh": "写 /quiet 22:00-07:00 或 /quiet off。",
    },
    "quiet.set": {
        "en": "Quiet hours: {hours} ({zone}). What comes in then waits, and arrives as one message when they end.",
        "zh": "免打扰 {hours}（{zone}）：期间的内容先留着，结束后合成一条发来。",
    },
    "hours": {
        "en": "Quiet hours are written like this: 22:00-07:00",
        "zh": "免打扰时间要写成 22:00-07:00 这样。",
    },
    "zone.now": {
        "en": "Your time zone is {zone}: it is {time} there.",
        "zh": "你的时区是 {zone}：那里现在是 {time}。",
    },
    "zone.how": {
        "en": "Write /timezone Europe/Berlin, or press one.",
        "zh": "写 /timezone Asia/Shanghai，或点一个。",
    },
    "zone": {"en": "I do not know a time zone {zone}.", "zh": "没有 {zone} 这个时区。"},
    "zone.like": {
        "en": "Time zones are written like Europe/Berlin.",
        "zh": "时区要写成 Asia/Shanghai 这样。",
    },
    "zone.near": {"en": "Did you mean {near}?", "zh": "你是想写 {near} 吗？"},
    "language.now": {"en": "I write English here. Choose:", "zh": "这里用中文。请选择："},
    "language.set": {"en": "From now on I will write English here.", "zh": "好的，这里以后用中文。"},
    "language": {
        "en": "I speak English and Chinese: /language en, /language zh",
        "zh": "我会英文和中文：/language en、/language zh",
    },
    "snooze.how": {
        "en": "For how long should I send nothing? Write /snooze 3d, 12h, 2w, 2026-10-01, or off.",
        "zh": "要暂停多久？写 /snooze 3d、12h、2w、2026-10-01 或 off。",
    },
    "snooze.set": {
        "en": "Nothing comes until {until}. What has waited comes then, best first.",
        "zh": "{until} 之前不发送。攒下的到时发来，最好的排在前面。",
    },
    "snooze.off": {"en": "I am sending papers again.", "zh": "好的，已恢复发送。"},
    "snooze": {
        "en": "I cannot read that. A snooze is 12h, 3d, 2w or a day like 2026-10-01, a year at most.",
        "zh": "看不懂。请写成 12h、3d、2w 或日期（如 2026-10-01），最长一年。",
    },
    "button.day": {"en": "1 day", "zh": "1 天"},
    "button.week": {"en": "1 week", "zh": "1 周"},
    "button.two weeks": {"en": "2 weeks", "zh": "2 周"},
    "button.end": {"en": "Resume now", "zh": "现在继续"},
    "button.off": {"en": "Off", "zh": "关闭"},
    "button.immediately": {"en": "At once", "zh": "立即"},
    "button.daily": {"en": "Daily 08:00", "zh": "每天 08:00"},
    "button.weekdays": {"en": "Weekdays 08:00", "zh": "工作日 08:00"},
    "button.mondays": {"en": "Mondays 08:00", "zh": "周一 08:00"},
    "button.weekly on": {"en": "Weekly look back", "zh": "每周回顾"},
    "button.weekly off": {"en": "No weekly look back", "zh": "不要每周回顾"},
    "feed": {
        "en": "Your private feed. Anyone with this address can read it:",
        "zh": "你的私人订阅源。谁有这个地址谁就能读：",
    },
    "feed.none": {
        "en": "There is no web server here, so there are no feeds.",
        "zh": "这里没有网页服务器，所以没有订阅源。",
    },
    "feed.ask": {"en": "You have no private feed yet.", "zh": "你还没有私人订阅源。"},
    "button.make feed": {"en": "Make one", "zh": "创建"},
    "button.renew feed": {"en": "New address", "zh": "换地址"},
    "button.end feed": {"en": "Turn it off", "zh": "停用"},
    "feed.renewed": {
        "en": "The old address no longer works. The new one:",
        "zh": "旧地址已失效。新地址：",
    },
    "feed.ended": {"en": "The feed is turned off.", "zh": "订阅源已停用。"},
    "stopped": {
        "en": "Stopped: nothing more comes here. What matches meanwhile waits until you send /start.",
        "zh": "已停止，不再往这里发送。期间匹配的论文会留着，等你发 /start。",
    },
    "stopped.already": {
        "en": "Nothing was being sent here anyway; /start resumes sending.",
        "zh": "这里本来就没有在发送。/start 可恢复。",
    },
    # --- saved, export, delete
    "saved": {"en": "Saved papers", "zh": "已保存的论文"},
    "saved.none": {
        "en": "Nothing saved yet: press Save under a paper.",
        "zh": "还没有保存的论文：点论文下面的“保存”即可。",
    },
    "saved.page": {
        "en": "Saved papers {first}–{last} of {count}",
        "zh": "已保存的论文：第 {first}–{last} 篇，共 {count} 篇",
    },
    "saved.done": {
        "en": "Saved. /saved in our private chat lists all.",
        "zh": "已保存。私聊我发 /saved 可查看全部。",
    },
    "saved.already": {"en": "Already saved.", "zh": "已经保存过了。"},
    "export.empty": {"en": "There is nothing to export.", "zh": "没有可导出的内容。"},
    "export.usage": {
        "en": "Write /export for the subscriptions, /export bib or /export ris for the saved papers.",
        "zh": "/export 导出订阅；/export bib 或 /export ris 导出已保存的论文。",
    },
    "export.yaml": {"en": "As an entry of the configuration file:", "zh": "在配置文件中的写法："},
    "delete.ask": {
        "en": "This permanently deletes everything about you: your subscriptions and settings here, your saved papers, your votes, scores and upcoming questions in all chats, and what you wrote to me.",
        "zh": "这会永久删除关于你的一切：你在这里的订阅和设置、保存的论文、你在所有聊天中的投票、成绩和待答的题，以及你写给我的内容。",
    },
    "button.delete": {"en": "Delete everything", "zh": "全部删除"},
    "button.keep me": {"en": "Keep it", "zh": "保留"},
    "deleted": {"en": "Deleted: {what}.", "zh": "已删除：{what}。"},
    "deleted.nothing": {"en": "There was nothing to delete.", "zh": "没有可删除的内容。"},
    "deleted.proof": {
        "en": "I checked: nothing about you is left.",
        "zh": "我又查了一遍：没有留下任何关于你的内容。",
    },
    "deleted.configured": {
        "en": "The operator's configuration file names this chat, and {rows} records of what was sent here remain. Ask the operator to remove them.",
        "zh": "运营者的配置文件里写有本聊天，另有 {rows} 条发送记录。请让运营者删除。",
    },
    # --- rows that were deleted, as `PreferenceStore.forget` names them
    "row.choices": {"en": "what you set", "zh": "设置"},
    "row.saved papers": {"en": "saved papers", "zh": "保存的论文"},
    "row.proposals": {"en": "open offers", "zh": "待定的选项"},
    "row.votes": {"en": "votes", "zh": "投票"},
    "row.names": {"en": "names", "zh": "名字"},
    "row.memberships": {"en": "memberships", "zh": "群组成员记录"},
    "row.repetitions": {"en": "upcoming questions", "zh": "待答的题"},
    "row.poll states": {"en": "results of polls", "zh": "投票结果"},
    "row.polls": {"en": "polls", "zh": "投票题"},
    "row.tokens": {"en": "private links", "zh": "私密链接"},
    "row.feed addresses": {"en": "renewed addresses", "zh": "更换过的地址"},
    "row.messages": {"en": "messages", "zh": "消息"},
    "row.targets": {"en": "chats", "zh": "聊天"},
    "row.texts": {"en": "alarms and look backs", "zh": "警报与每周回顾"},
    "row.deliveries": {"en": "deliveries", "zh": "发送记录"},
    "row.notices": {"en": "notices", "zh": "通知记录"},
    "row.backlog shares": {"en": "older papers still to come", "zh": "待发的旧论文"},
    "row.registrations": {"en": "your registration", "zh": "登记记录"},
    "row.sign-ups": {"en": "sign-ups", "zh": "邮件登记"},
    "row.updates": {"en": "what you wrote to me", "zh": "你写给我的内容"},
    # --- buttons under alerts
    "like.none": {"en": "No other paper is much like it.", "zh": "没有与它很像的论文。"},
    "like.heading": {"en": "Like “{title}”", "zh": "与“{title}”相似"},
    "button.follow": {"en": "Follow papers like this", "zh": "关注相似论文"},
    "not.brought": {"en": "It came through ", "zh": "匹配到它的订阅："},
    "not.offer": {
        "en": "Leaving out one of these words would have kept it away. The number says how many of your last {count} papers would have been left out too:",
        "zh": "排除下面任一个词，就不会收到它；数字是你最近 {count} 篇论文里会一并少掉的篇数：",
    },
    "not.nothing": {
        "en": "No single word sets it apart from what you want. You can change the subscription: /list",
        "zh": "没有一个词能把它和你想要的区分开。可以修改订阅：/list",
    },
    "not.gone": {
        "en": "It came through a subscription that no longer exists.",
        "zh": "匹配到它的订阅已经不在了。",
    },
    "excluded": {"en": "Left out from now on: ", "zh": "今后排除："},
    "excluded.already": {"en": "It is left out already.", "zh": "已经排除了。"},
    "button.undo": {"en": "Undo", "zh": "撤销"},
    "included": {"en": "No longer left out: ", "zh": "不再排除："},
    "quiz.none": {
        "en": "This chat has had every question I know. New ones come with new papers.",
        "zh": "我有的题都在这里出过了。有了新论文就有新题。",
    },
    "quiz.topic": {
        "en": "Every question on it has been asked here. New ones come with new papers.",
        "zh": "这方面的题都在这里出过了。有了新论文就有新题。",
    },
    "quiz.topics": {
        "en": "No subscription has that name. /quiz alone asks about any; or name one of: {names}",
        "zh": "没有叫这个名字的订阅。只写 /quiz 不限主题，也可以选一个：{names}",
    },
    "quiz.paper": {
        "en": "All questions on this paper have been asked here.",
        "zh": "这篇论文的题都在这里出过了。",
    },
    "quiz.no quiz": {"en": "This paper has no quiz.", "zh": "这篇论文没有测验。"},
    "quiz.unsubscribed": {
        "en": "Nobody is subscribed here yet, so I cannot send questions. /start explains how to begin.",
        "zh": "这里还没有订阅，所以不能出题。发 /start 看看怎么开始。",
    },
    "quiz.stopped": {
        "en": "Sending was stopped by /stop; /start resumes it.",
        "zh": "/stop 之后这里已停止发送。/start 可恢复。",
    },
    "quiz.comes": {"en": "Your question is coming.", "zh": "题目这就来。"},
    # --- scores
    "score.none": {"en": "No answers yet. /quiz gives a question.", "zh": "还没有答过题。/quiz 来一道。"},
    "score.right": {"en": "{right} of {judged}", "zh": "{right}/{judged}"},
    "score.share": {"en": " right ({share} %)", "zh": " 答对（{share} %）"},
    "score.streak": {"en": "{days} days", "zh": "连续 {days} 天"},
    "score.streak.one": {"en": "1 day", "zh": "连续 1 天"},
    "score.in a row": {"en": " in a row", "zh": "答题"},
    "score.learned": {
        "en": "🔁 {count} wrong at first and right in the end",
        "zh": "🔁 {count} 道先错后对",
    },
    "score.waiting": {"en": "⏳ {count} without a known answer yet", "zh": "⏳ {count} 道还没有公布答案"},
    "score.due": {"en": "📬 {count} due today: /quiz", "zh": "📬 今天该复习 {count} 道：/quiz"},
    "score.topics": {"en": "By topic", "zh": "按主题"},
    "score.weak": {"en": "Worth reading again", "zh": "值得重读"},
    "score.other": {"en": "other papers", "zh": "其他论文"},
    "board.private": {
        "en": "A leaderboard needs a group. /score shows how you do.",
        "zh": "排行榜只在群组里有。/score 查看你的成绩。",
    },
    "board.usage": {
        "en": "Write /leaderboard, /leaderboard hide or /leaderboard show.",
        "zh": "写 /leaderboard、/leaderboard hide 或 /leaderboard show。",
    },
    "board.hidden": {
        "en": "You are no longer listed here. /leaderboard show undoes that.",
        "zh": "这里不再显示你的名字。/leaderboard show 可恢复。",
    },
    "board.shown": {"en": "You are listed here again.", "zh": "这里又会显示你的名字了。"},
    "board.none": {
        "en": "Nobody here has answered a question with a known answer yet.",
        "zh": "这里还没有人回答过有已知答案的题。",
    },
    "board.line": {"en": " – {right} of {judged}", "zh": " – {right}/{judged}"},
    "board.somebody": {"en": "Somebody", "zh": "某人"},
    "board.more": {"en": "… and {count} more", "zh": "……另有 {count} 人"},
    "board.strangers": {
        "en": "Not counted: {count} who answered forwarded copies.",
        "zh": "未计入：{count}（回答的是转发的题）。",
    },
    "board.not named": {
        "en": "Not listed: {count}, by their own wish.",
        "zh": "未列出：{count}（本人不愿显示）。",
    },
    "people.one": {"en": "1 person", "zh": "1 人"},
    "people.many": {"en": "{count} people", "zh": "{count} 人"},
    "totals.none": {"en": "No votes here yet.", "zh": "这里还没有投票。"},
    "totals": {"en": "Questions: {questions}, votes: {votes}.", "zh": "题目：{questions}，投票：{votes}。"},
    "totals.right": {"en": "Right: ", "zh": "答对："},
    "totals.note": {
        "en": "Votes in channels have no names, so there are no scores of people here.",
        "zh": "频道中的投票不记名，所以这里没有个人成绩。",
    },
    # --- operators, inline
    "status.only": {"en": "Only operators can see that.", "zh": "只有运营者可以查看。"},
    "status": {
        "en": "{papers} papers, {subscribers} subscribers, {pending} waiting, {held} held, {uncertain} uncertain, {dead} dead.",
        "zh": "{papers} 篇论文，{subscribers} 个订阅者；待发 {pending}，暂存 {held}，不确定 {uncertain}，失败 {dead}。",
    },
    "status.fine": {"en": "Nothing needs attention.", "zh": "没有需要处理的。"},
    "status.incidents": {"en": "Open incidents:", "zh": "未解决的问题："},
}


def text(key: str, language: str, /, **values: object) -> str:
    """The text of that key, filled in; English for a language that it lacks."""
    versions = TEXTS[key]
    version = versions.get(language, versions["en"])
    return version.format(**values) if values else version


def language_of(code: str | None) -> str:
    """The language of the chat for a Telegram user's language code."""
    return "zh" if (code or "").lower().startswith("zh") else "en"
